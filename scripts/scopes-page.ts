/** The page of scopes, from what each says of itself. */

import { builtinScopes } from '../src/core/scopes/builtin.ts';

const intro = `# Scopes

<!-- Written by "npm run schemas" from src/core/scopes; a test keeps it current. -->

A scope is a setting that can be changed at any time with one command; it holds for every command and the daemon from then on.

\`\`\`
holdfast scope list
holdfast scope info backups.schedule
holdfast scope set backups.exclude '[shadow/var/cache]'
holdfast scope set backups.exclude null
\`\`\`

The panel's spellings \`scope:list\`, \`scope:info\`, \`scope:get\` and \`scope:set\` do the same. \`null\` brings back what the
configuration says. Values are \`true\`, \`false\`, \`null\`, numbers, text, lists \`[a, b]\` and keys \`[key: value]\`, nested as
deep as needed; \`[a.b: 1]\` is short for \`[a: [b: 1]]\`. Quotes make text of anything: \`'null'\`, \`'a,b'\`. With \`--input json\` the value
is JSON, and \`--json\` prints JSON.

What is set lies in \`scopes.json\` beside \`config.json\`; who set what when is in \`scopes.history.jsonl\`. Scopes are for the whole server:
where there are several addin configurations they hold for each.
`;

export function scopesPage(): string {
  const sections = builtinScopes.map(
    ({ name, help, allowed, example, values }) =>
      `\n## \`${name}\`\n\n${help}\n\nTakes ${escaped(allowed)} (\`${typeof values === 'string' ? values : values.join('` or `')}\`).\nExample: \`holdfast scope set ${name} "${example}"\`\n`,
  );
  return intro + sections.join('');
}

const escaped = (text: string): string => text.replaceAll('*', '\\*');

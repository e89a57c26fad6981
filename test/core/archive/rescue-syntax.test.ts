import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { newKeyPair } from '../../../src/core/age/x25519.ts';
import { identityOf, readIdentities } from '../../../src/core/encryption/identities.ts';
import { identityText } from '../../../src/core/encryption/key-text.ts';
import { sheetOf } from '../../../src/core/encryption/recovery-sheet.ts';

const rescue = fileURLToPath(new URL('../../../src/core/archive/rescue.py', import.meta.url));
const python = (program: string) => execFileSync('python3', ['-c', program, rescue], { encoding: 'utf8' });

describe('rescue.py', () => {
  it('reads an identity as it was typed or pasted, like Holdfast itself', async () => {
    const secret = identityText(newKeyPair().privateKey);
    const { recipient } = (await identityOf(secret))!;
    const madeAt = '2026-11-21T03:15:00Z';
    const rescueOf = { sha256: 'x', release: 'x' };
    const sheet = sheetOf(
      { secret, recipient },
      { madeAt, server: null, signer: null, rescue: rescueOf, stores: [] },
    );
    const texts = [
      ...[`\ufeff${secret}\r\n`, `# mine\n\t${secret}  \n`],
      ...[`\ufeff${sheet}`, sheet.replaceAll(' ', '\u00a0'), sheet.replaceAll('\n', '\r\n')],
    ];
    for (const text of texts) {
      const [read] = await readIdentities(Buffer.from(text), 'it', async () => '');
      expect(read!.secret).toBe(secret);
    }
    const program = `
import base64, importlib.util, json, sys
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location('rescue', sys.argv[1])
rescue = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rescue)
texts = [rescue.lines_of(base64.b64decode(one)) for one in json.loads('${JSON.stringify(texts.map((text) => Buffer.from(text).toString('base64')))}')]
print('\\n'.join(text if rescue.IDENTITY.search(text) else rescue.key_of_sheet(text, 'it') for text in texts))
`;
    const lines = python(program)
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));

    expect(lines).toEqual(texts.map(() => secret));
  });

  it('parses with the grammar of Python 3.6', () => {
    const program =
      'import ast, sys; ast.parse(open(sys.argv[1], encoding="utf-8").read(), feature_version=(3, 6))';

    expect(() => python(program)).not.toThrow();
  });

  it('imports nothing outside the standard library', () => {
    const foreign = python(`
import ast, sys
tree = ast.parse(open(sys.argv[1], encoding='utf-8').read())
names = [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
names += [n.module or '.' for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
print(' '.join(n for n in names if n.split('.')[0] not in sys.stdlib_module_names), end='')
`);

    expect(foreign).toBe('');
  });

  it('consists of ASCII, so that it survives any terminal, editor and locale', () => {
    const program = "import sys; print(open(sys.argv[1], 'rb').read().isascii())";

    expect(python(program).trim()).toBe('True');
  });
});

import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { withAddin } from '../../src/cli/hint-commands.ts';
import { runCommandLine } from '../../src/cli/program.ts';
import type { World } from '../../src/cli/world.ts';
import { errorCodes } from '../../src/core/errors.ts';

describe('a command that a hint names', () => {
  it('names the addin configuration that the command line named', () => {
    const hint =
      'Run `holdfast verify`, holdfast key rotate --epoch or holdfast ls --addin b; holdfast accounts shows more.';

    expect(withAddin(hint, 'far')).toBe(
      'Run `holdfast verify --addin far`, holdfast key rotate --addin far --epoch or holdfast ls --addin b; holdfast accounts shows more.',
    );
    expect(withAddin(hint, null)).toBe(hint);
  });
});

it('an error of a command that prints JSON Lines is one line', async () => {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const world = { stdout, stderr, env: {}, leave: () => {}, signal: new AbortController().signal };
  const args = ['ls', 'latest', '--account', 'anna', '--config', '/nonexistent', '--json'];
  const status = await runCommandLine(args, world as unknown as World);
  stdout.end();
  const lines = (await text(stdout)).trimEnd().split('\n');

  expect(status).toBe(errorCodes.CONFIG_INVALID.exit);
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { error: { code: 'CONFIG_INVALID' } },
  ]);
});

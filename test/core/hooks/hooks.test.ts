/** Real programs, real files, real time limits. */

import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { HookSettings } from '../../../src/core/config/operations-schema.ts';
import { type HookReport, Hooks } from '../../../src/core/hooks/hooks.ts';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-hooks-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function script(name: string, text: string, mode = 0o755): string {
  const path = join(dir, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, mode);
  return path;
}

function hooksOf(
  settings: readonly Partial<HookSettings>[],
  signal = new AbortController().signal,
): { readonly hooks: Hooks; readonly reports: HookReport[] } {
  const reports: HookReport[] = [];
  const all = settings.map(
    (one): HookSettings => ({
      on: 'before-account',
      command: [],
      timeoutSeconds: 20,
      onFailure: 'warn',
      ...one,
    }),
  );
  const env = { PATH: process.env['PATH'], SECRET: 'hidden' };
  return {
    reports,
    hooks: new Hooks(all, { now: Date.now, env, signal, onReport: (one) => reports.push(one) }),
  };
}

/** A process that was killed and that nobody has waited for is none. */
function isAlive(pid: string): boolean {
  const path = `/proc/${pid}/stat`;
  return existsSync(path) && !readFileSync(path, 'utf8').includes(') Z ');
}

describe('a hook', () => {
  it('is told by JSON on standard input, and takes its arguments as they are', async () => {
    const seen = join(dir, 'seen');
    const program = script('tell', `{ cat; for a in "$@"; do echo "<$a>"; done; env; } > ${seen}`);
    const { hooks, reports } = hooksOf([{ command: [program, '$(id)', 'a b;c'] }]);
    const domain = '"; rm -rf / #\n$(id)';
    await hooks.at('before-account', { addin: 'nightly', account: { site: 'site1', domain } });
    const [json = '', ...rest] = readFileSync(seen, 'utf8').split('\n');

    expect(reports[0]?.failure).toBeNull();
    expect(JSON.parse(json)).toEqual({
      hook: 1,
      event: 'before-account',
      addin: 'nightly',
      account: { site: 'site1', domain },
    });
    expect(rest.slice(0, 2)).toEqual(['<$(id)>', '<a b;c>']);
    expect(rest).toContain('HOLDFAST_EVENT=before-account');
    expect(rest.join('\n')).not.toMatch(/hidden|rm -rf/);
  });

  it('that says stop ends what it belongs to, and the hooks after it', async () => {
    const mark = join(dir, 'mark');
    const { hooks } = hooksOf([
      { command: [script('no', 'echo "not now" >&2; exit 3')], onFailure: 'stop' },
      { command: [script('later', `touch ${mark}`)] },
    ]);

    await expect(hooks.at('before-account', { addin: null })).rejects.toMatchObject({
      code: 'HOOK_FAILED',
      message: expect.stringMatching(/ended with status 3: not now$/),
    });
    expect(existsSync(mark)).toBe(false);
  });

  it('that says warn is counted, and one that says ignore only reported', async () => {
    const command = [script('fails', 'exit 1')];
    const { hooks, reports } = hooksOf([{ command }, { command, onFailure: 'ignore' }]);
    await hooks.at('before-account', { addin: null });

    expect(hooks.warnings).toBe(1);
    expect(reports.map(({ failure }) => failure)).toEqual(['ended with status 1', 'ended with status 1']);
  });

  it('is killed with all it started when its time is over', async () => {
    const note = join(dir, 'started');
    const { hooks, reports } = hooksOf([
      { command: [script('slow', `sleep 600 & echo $! > ${note}; wait`)], timeoutSeconds: 3 },
    ]);
    await hooks.at('before-account', { addin: null });
    const pid = readFileSync(note, 'utf8').trim();

    expect(pid).toMatch(/^\d+$/);
    expect(reports[0]?.failure).toBe('took longer than 3 s');
    await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
  });

  it('is not run where others could change it, and may be absent', async () => {
    const open = script('open', 'exit 0', 0o777);
    const shared = join(dir, 'shared');
    mkdirSync(shared);
    chmodSync(shared, 0o777);
    const inside = script('shared/mine', 'exit 0');
    const { hooks, reports } = hooksOf(
      [open, join(dir, 'none'), inside, '/usr/bin'].map((program) => ({ command: [program] })),
    );
    await hooks.at('before-account', { addin: null });

    expect(reports.map(({ failure }) => failure)).toEqual([
      'can be changed by its group or by everybody',
      'cannot be found: ENOENT',
      `lies in ${shared}, which can be changed by its group or by everybody`,
      'is no file',
    ]);
  });

  it('fails, and costs no more, where it cannot be started or the kernel does not know what it is', async () => {
    const bare = script('bare', '');
    writeFileSync(bare, `touch ${join(dir, 'bare-ran')}\n`);
    const { hooks, reports } = hooksOf([
      { command: ['/bin/true', 'x'.repeat(200_000)], onFailure: 'ignore' },
      { command: [bare], onFailure: 'ignore' },
    ]);
    await hooks.at('before-account', { addin: null });

    expect(reports.map(({ failure }) => failure)).toEqual([
      'cannot be started: E2BIG',
      'is no program: a script begins with a line such as #!/bin/sh',
    ]);
    expect(existsSync(join(dir, 'bare-ran'))).toBe(false);
  });

  it('is heard to the end, however fast it ends', async () => {
    const { hooks, reports } = hooksOf([
      { command: [script('speak', 'printf "%03000d\\nthe end" 7; exit 3')] },
    ]);
    for (let i = 0; i < 10; i++) await hooks.at('before-account', { addin: null });

    expect(reports.map(({ output }) => output.slice(-7))).toEqual(Array(10).fill('the end'));
  });

  it('need not read what it is told, and belongs to the configurations it names', async () => {
    const { hooks, reports } = hooksOf([
      { command: [script('deaf', 'exec <&-; exit 0')] },
      { command: ['/bin/false'], addins: ['weekly'] },
    ]);
    await hooks.at('before-account', { addin: 'nightly', much: 'x'.repeat(1_000_000) });

    expect(reports.map(({ failure }) => failure)).toEqual([null]);
  });
});

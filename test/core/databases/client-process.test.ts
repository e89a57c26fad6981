import { closeSync, openSync, readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { type ClientCommand, startClient } from '../../../src/core/databases/client-process.ts';

const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C' };
const shell = (script: string, more: Partial<ClientCommand> = {}) =>
  startClient({ path: '/bin/sh', args: ['-c', script], env, ...more });

describe('startClient', () => {
  it('passes bytes both ways, arguments and environment as they are', async () => {
    const args = ['-c', 'printf %s "$0" "$ODD" >&2; cat', 'ä "x" $y\n'];
    const client = startClient({ path: '/bin/sh', args, env: { ...env, ODD: 'ü = =' }, input: true });
    const bytes = Buffer.alloc(3_000_000, 'line\n');
    client.stdin?.end(bytes);
    expect((await buffer(client.stdout!)).equals(bytes)).toBe(true);
    expect(await client.ended).toEqual({
      status: 0,
      signal: null,
      failure: null,
      complaint: 'ä "x" $y\nü = =',
    });
  });

  it('tells a status from a signal, and what could not be started from both', async () => {
    expect(await shell('exit 3').ended).toMatchObject({ status: 3, signal: null, failure: null });
    expect(await shell('kill -TERM $$').ended).toMatchObject({ status: null, signal: 'SIGTERM' });
    const missing = startClient({ path: '/nonexistent/dump', args: [], env });
    expect(missing.pid).toBeUndefined();
    expect((await missing.ended).failure?.message).toBe('ENOENT');
    expect((await startClient({ path: '/bin/sh', args: ['a\0b'], env }).ended).failure).not.toBeNull();
  });

  it('waits for a client that has closed everything and works on', async () => {
    expect(await shell('exec >&- 2>&-; sleep 0.2; exit 4').ended).toMatchObject({ status: 4 });
  });

  it('gives a session of its own, ordinary signals, and none of our files', async () => {
    const own = openSync('/etc/passwd', 'r');
    const client = shell('echo $$; cat /proc/self/stat /proc/self/status; ls -l /proc/self/fd');
    const printed = (await buffer(client.stdout!)).toString();
    expect(Number(printed.split('\n', 1)[0])).toBe(client.pid);
    expect(printed).toMatch(new RegExp(`\\(cat\\) R \\d+ ${client.pid} ${client.pid} `));
    expect(printed).toMatch(/^SigBlk:\s0+$/m);
    expect(printed).toMatch(/^SigIgn:\s0+$/m);
    expect(printed).toContain(' 0 -> /dev/null\n');
    expect(printed).not.toContain('/etc/passwd');
    await client.ended;
    closeSync(own);
  });

  it('kills what a client has started together with it, and leaves no zombie', async () => {
    const client = shell('sleep 1000 & echo $!; wait');
    const pieces = client.stdout![Symbol.asyncIterator]();
    const inner = Number(String((await pieces.next()).value));
    client.kill();
    expect(await client.ended).toMatchObject({ status: null, signal: 'SIGKILL' });
    client.kill();
    expect(() => readFileSync(`/proc/${client.pid}/stat`)).toThrow('ENOENT');
    expect(await vanishes(inner)).toBe(true);
  });
});

/** Whoever takes in orphans may be slow to bury them. */
async function vanishes(pid: number): Promise<boolean> {
  for (let look = 0; look < 500; look += 1) {
    try {
      if (/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))) return true;
    } catch {
      return true;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}

import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { lockShared } from '../../../src/core/filesystem/native.ts';
import { daemonPid, lockDaemon } from '../../../src/core/state/daemon-lock.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-lock-'));
afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

describe("the daemon's lock", () => {
  it('is had by one, who is named to the others', async () => {
    const lock = await lockDaemon(stateDir);
    const second = await lockDaemon(stateDir).catch((error: unknown) => error);
    const pid = daemonPid(stateDir);
    lock.release();

    expect(second).toMatchObject({
      code: 'DAEMON_RUNNING',
      message: expect.stringContaining(`${process.pid} `),
    });
    expect(pid).toBe(process.pid);
    expect(daemonPid(stateDir)).toBeNull();
  });

  it('is not kept from a daemon by those who look, nor are they taken for one', async () => {
    (await lockDaemon(stateDir)).release();
    const looking = openSync(join(stateDir, 'daemon.lock'), 'r+');
    const looks = lockShared(looking);
    const seen = daemonPid(stateDir);
    const locking = lockDaemon(stateDir);
    closeSync(looking);
    const lock = await locking;
    const after = daemonPid(stateDir);
    lock.release();

    expect(looks).toBe(0);
    expect(seen).toBeNull();
    expect(after).toBe(process.pid);
  });
});

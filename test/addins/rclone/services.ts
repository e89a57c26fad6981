/** Real services of files for rclone to reach: an OpenSSH server and a WebDAV server, each on a loopback port. */

import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { obscured } from './remotes.ts';

export interface Service {
  /** Options of a remote of rclone that reaches it. */
  readonly remote: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export interface WebdavService extends Service {
  /** Of the user that `remote` names. */
  readonly password: string;
}

/** Lets the current user in, by a key made for it. Keeps its own files in `directory`. */
export async function startSshd(directory: string): Promise<Service> {
  // The server insists on it, and its package makes it only where systemd or an init script runs.
  mkdirSync('/run/sshd', { recursive: true });
  mkdirSync(directory);
  const at = (name: string) => join(directory, name);
  for (const key of ['host', 'client'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(key)]);
  copyFileSync(at('client.pub'), at('authorized'));
  const port = await freePort();
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${at('host')}`,
    `AuthorizedKeysFile ${at('authorized')}`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'PermitRootLogin yes',
    'MaxStartups 100',
    'MaxSessions 100',
    'Subsystem sftp internal-sftp',
  ];
  writeFileSync(at('config'), `${lines.join('\n')}\n`);
  const user = execFileSync('id', ['-un'], { encoding: 'utf8' }).trim();
  const stop = await started('/usr/sbin/sshd', ['-D', '-f', at('config')], {}, port);
  return {
    remote: { type: 'sftp', host: '127.0.0.1', port: String(port), user, key_file: at('client') },
    stop,
  };
}

/** Serves a directory. */
export async function startWebdav(directory: string): Promise<WebdavService> {
  mkdirSync(directory, { recursive: true });
  const port = await freePort();
  const password = randomBytes(12).toString('hex');
  const env = { RCLONE_USER: 'holdfast', RCLONE_PASS: password, RCLONE_CONFIG: '/dev/null' };
  const args = ['serve', 'webdav', '--addr', `127.0.0.1:${port}`, directory];
  const stop = await started('rclone', args, env, port);
  const url = `http://127.0.0.1:${port}`;
  return {
    remote: { type: 'webdav', url, vendor: 'other', user: 'holdfast', pass: obscured(password) },
    password,
    stop,
  };
}

async function started(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  port: number,
): Promise<() => Promise<void>> {
  // Ends with this process, however that ends.
  const words = ['--pdeathsig', 'TERM', program, ...args];
  const child = spawn('setpriv', words, { stdio: 'ignore', env: { PATH: process.env['PATH'], ...env } });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  for (let turn = 0; !(await answers(port)); turn += 1) {
    if (child.exitCode !== null || turn === 200) throw new Error(`${program} did not start`);
    await sleep(25);
  }
  return async () => {
    child.kill();
    await ended;
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

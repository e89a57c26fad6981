/**
 * One running rclone: started, listened to until it is ready, ended.
 *
 * It listens on a port of the loopback that the kernel picks, and takes requests only with a password
 * made for this one process and handed over in its environment, which nobody but its user can read. A shell
 * stands between: it ends rclone as soon as the pipe from us closes, which it does however we die.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { RcloneLost } from './failures.ts';
import { configOf } from './needs.ts';
import { writableConfig } from './own-config.ts';
import type { RcloneSettings } from './settings.ts';

/** rclone gets nothing from our input; what follows `--` are its words, taken as they are. */
const keeper = `exec 3<&0 </dev/null
"$@" 3<&- & child=$!
{ cat <&3 >/dev/null; kill "$child"; } 2>/dev/null &
wait "$child"`;

/** Of our environment; the rest may hold secrets of others. */
const inherited =
  /^(PATH|HOME|USER|LANG|TMPDIR|XDG_\w+|(HTTPS?|NO|ALL)_PROXY|SSL_CERT_\w+|RCLONE_CONFIG_\w+)$/i;
const user = 'holdfast';
const keptWords = 8000;

export interface RunningRclone {
  readonly port: number;
  readonly authorization: string;
  /** Becomes true when it has ended. */
  readonly gone: () => boolean;
  /** A connection to it broke since it last answered: it may be about to end. */
  doubtful: boolean;
  /** What it last said on standard error, its log of single requests left out. */
  readonly lastWords: () => string;
  /** Ends it and waits until it has. */
  stop(): Promise<void>;
}

/** @throws RcloneLost it ended before it was ready */
export async function startRclone(settings: RcloneSettings): Promise<RunningRclone> {
  const password = randomBytes(32).toString('base64url');
  const child = spawn('/bin/sh', ['-c', keeper, 'sh', settings.program, 'rcd'], {
    env: environment(settings, password),
    stdio: ['pipe', 'ignore', 'pipe'],
    // A Ctrl-C reaches us alone: what is under way is ended in order.
    detached: true,
  });
  let words = '';
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      words += error.message;
      resolve();
    });
  });
  child.stdin.on('error', () => {});
  const port = await new Promise<number>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-keptWords);
      const address = /Serving remote control on http:\/\/127\.0\.0\.1:(?<port>\d+)/.exec(words);
      if (address !== null) resolve(Number(address.groups?.['port']));
    });
    void ended.then(() =>
      setImmediate(() => reject(new RcloneLost(fatal(words) || 'it could not be started'))),
    );
  });
  words = '';
  let gone = false;
  void ended.then(() => {
    gone = true;
    child.stdin.destroy();
  });
  letGo(child);
  return {
    port,
    authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
    gone: () => gone,
    doubtful: false,
    lastWords: () => fatal(words),
    async stop() {
      child.ref();
      child.stdin.end();
      await ended;
    },
  };
}

/** Without the lines that complain of one request: those are answered to whoever made it. */
function fatal(words: string): string {
  const lines = words.split('\n').filter((line) => !/ (NOTICE|INFO|DEBUG|ERROR) *: /.test(line));
  return lines.join('\n').trim();
}

/** A store that nobody closed does not keep the process alive. */
function letGo(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdin, child.stderr]) {
    if (stream !== null && 'unref' in stream && typeof stream.unref === 'function') stream.unref();
  }
}

function environment(settings: RcloneSettings, password: string): NodeJS.ProcessEnv {
  const { configPassword } = settings;
  const own = Object.entries(process.env).filter(([name]) => inherited.test(name));
  const config = configOf(settings, process.env);
  return {
    ...Object.fromEntries(own),
    ...(config === null ? {} : { RCLONE_CONFIG: writableConfig(config, process.env) }),
    ...(configPassword === null ? {} : { RCLONE_CONFIG_PASS: configPassword }),
    RCLONE_ASK_PASSWORD: 'false',
    RCLONE_RC_ADDR: '127.0.0.1:0',
    RCLONE_RC_USER: user,
    RCLONE_RC_PASS: password,
    RCLONE_RC_SERVE: 'true',
    // Limits of whole transfers, not of silence.
    RCLONE_RC_SERVER_READ_TIMEOUT: '8760h',
    RCLONE_RC_SERVER_WRITE_TIMEOUT: '8760h',
    // A body that is cut off must fail. One that fits into this buffer would be stored as far as it came.
    RCLONE_STREAMING_UPLOAD_CUTOFF: '0',
    // The remote's own times: where rclone keeps another one, each entry of a listing would cost a request.
    RCLONE_USE_SERVER_MODTIME: 'true',
    RCLONE_NO_UPDATE_MODTIME: 'true',
    // What was sent is compared with what lies there by checksum, where the remote has one.
    RCLONE_CHECKSUM: 'true',
  };
}

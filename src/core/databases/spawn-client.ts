/**
 * Starts a program with pipes of its own and tells how it ended.
 *
 * Not by Node's own spawn: that forks, and copies the tables of a large process's memory for each small client,
 * while the tables of an account are locked. Each program leads a session of its own and has no terminal.
 */

import { openSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { closeFd, errnoName } from '../filesystem/native.ts';
import { openPipe, reapProgram, spawnProgram } from '../filesystem/native-process.ts';
import { type ClientOutput, makeOutputPipe } from './client-output.ts';

/** As wide as the kernel makes them. */
const pipeBytes = 64 * 1024;
/** Milliseconds between two looks whether a program that has nothing more to say is gone. */
const looks = { firstMs: 0.5, longestMs: 50 };

export interface SpawnRequest {
  readonly path: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly input: boolean;
  readonly output: boolean;
  /** Found as descriptor 3; stays open here. */
  readonly fileDescriptor: number | undefined;
}

export interface Spawned {
  /** Negative: why it could not be started, as an errno. */
  readonly pid: number;
  /** Our ends, for whoever calls to close. */
  readonly stdin: number | null;
  readonly stdout: ClientOutput | null;
  readonly stderr: number;
}

/** @throws Error no descriptor is left */
export function spawnClient({ path, args, env, input, output, fileDescriptor }: SpawnRequest): Spawned {
  const theirs: number[] = [];
  const ours: number[] = [];
  try {
    const nothing = openSync('/dev/null', 'r+');
    theirs.push(nothing);
    const stderr = openPipe(pipeBytes);
    theirs.push(stderr.writing);
    ours.push(stderr.reading);
    const stdin = input ? openPipe(pipeBytes) : null;
    if (stdin !== null) {
      theirs.push(stdin.reading);
      ours.push(stdin.writing);
    }
    const stdout = output ? makeOutputPipe() : null;
    if (stdout !== null) theirs.push(stdout.descriptor);
    const pid = spawnProgram({
      path,
      argv: [path, ...args],
      env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      descriptors: [
        stdin?.reading ?? nothing,
        stdout?.descriptor ?? nothing,
        stderr.writing,
        ...(fileDescriptor === undefined ? [] : [fileDescriptor]),
      ],
    });
    return { pid, stdin: stdin?.writing ?? null, stdout: stdout?.output ?? null, stderr: stderr.reading };
  } catch (error) {
    for (const fd of ours) closeFd(fd);
    throw error;
  } finally {
    for (const fd of theirs) closeFd(fd);
  }
}

export interface Ended {
  readonly status: number | null;
  readonly signal: string | null;
  readonly failure: Error | null;
}

/** To be called when its standard error has ended: until it is gone we look again and again. */
export async function endOf(pid: number): Promise<Ended> {
  if (pid < 0) return { status: null, signal: null, failure: new Error(errnoName(pid)) };
  let end = reapProgram(pid);
  for (let pauseMs = looks.firstMs; end === null; pauseMs = Math.min(pauseMs * 2, looks.longestMs)) {
    await sleep(pauseMs);
    end = reapProgram(pid);
  }
  const { status, signal } = end;
  return { status, signal: status === null ? signalName(signal) : null, failure: null };
}

function signalName(number: number): string {
  const known = Object.entries(constants.signals).find(([, value]) => value === number);
  return known?.[0] ?? `signal ${number}`;
}

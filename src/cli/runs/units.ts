/**
 * What the host's own scheduler needs to run ours: systemd units, or a line for cron. Text only.
 *
 * All of them begin `holdfast serve`, so that windows, delays and times that were missed are the same
 * whoever calls. A unit may do what a backup needs: read everything, write state and stores, label accounts.
 */

import { HoldfastError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';

export type InstallKind = 'daemon' | 'timer' | 'cron';

export interface UnitParts {
  /** Command line of this program, without arguments: Node, then its options and ours. */
  readonly command: readonly string[];
  readonly configDir: string;
}

export interface UnitFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

export const unitPaths = {
  service: '/etc/systemd/system/holdfast.service',
  timer: '/etc/systemd/system/holdfast.timer',
  cron: '/etc/cron.d/holdfast',
} as const;
export type UnitPath = keyof typeof unitPaths;

/** What `systemctl enable` makes of the units. */
export const enabledLinks = [
  { link: '/etc/systemd/system/multi-user.target.wants/holdfast.service', unit: unitPaths.service },
  { link: '/etc/systemd/system/timers.target.wants/holdfast.timer', unit: unitPaths.timer },
] as const;

/** Each file begins with it. */
const mark = '# Written by "holdfast schedule install"';

/** Secrets of the configuration that are `env:NAME`. */
const environmentFile = '/etc/holdfast/environment';
const everyFiveMinutes = '*:0/5';

export function unitFiles(kind: InstallKind, parts: UnitParts): readonly UnitFile[] {
  if (kind === 'cron') return [{ path: unitPaths.cron, text: cronLine(parts), mode: 0o644 }];
  const service = { path: unitPaths.service, text: serviceUnit(kind, parts), mode: 0o644 };
  if (kind === 'daemon') return [service];
  return [service, { path: unitPaths.timer, text: timerUnit(), mode: 0o644 }];
}

function serviceUnit(kind: 'daemon' | 'timer', { command, configDir }: UnitParts): string {
  const daemon = kind === 'daemon';
  const words = [...command, '--config', configDir, 'serve', ...(daemon ? [] : ['--once'])];
  return `${mark}; a later one overwrites it. Change it with "systemctl edit".
[Unit]
Description=Holdfast: backups by schedule
After=network-online.target mariadb.service mysql.service postgresql.service
Wants=network-online.target

[Service]
Type=${daemon ? 'simple' : 'oneshot'}
ExecStart=${words.map(unitWord).join(' ')}
# Secrets of the configuration that are "env:NAME".
EnvironmentFile=-${environmentFile}
${daemon ? 'Restart=on-failure\nRestartSec=60\n' : '# Done, with warnings.\nSuccessExitStatus=100\n'}# Runs hear of a stop from their parent; a second signal would end them at once.
KillMode=mixed
TimeoutStartSec=infinity
TimeoutStopSec=10min
UMask=0077
# It reads every account and writes state, stores and the labels of accounts, gives each addin that runs apart a view of
# the files, a network, processes and a user of its own, and writes into files that a store of its own has opened (CAP_SYS_PTRACE; without
# it they go over a socket); none of the rest.
CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER CAP_FSETID CAP_SYS_ADMIN CAP_SYS_NICE CAP_SYS_RESOURCE CAP_LEASE CAP_SETUID CAP_SETGID CAP_SETPCAP CAP_SYS_PTRACE CAP_KILL
NoNewPrivileges=yes
ProtectSystem=full
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
PrivateDevices=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=mnt net pid
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service @mount
SystemCallErrorNumber=EPERM
${daemon ? '\n[Install]\nWantedBy=multi-user.target\n' : ''}`;
}

const timerUnit = (): string => `${mark}. What is owed is known to Holdfast; this only asks often.
[Unit]
Description=Holdfast: look for backups that are due

[Timer]
OnCalendar=${everyFiveMinutes}
AccuracySec=1s
Unit=holdfast.service

[Install]
WantedBy=timers.target
`;

/** The file of secrets is read by Node itself: a shell would take what stands in it for its own language. */
function cronLine({ command: [node, ...program], configDir }: UnitParts): string {
  const words = [...program, '--config', configDir, '--quiet', 'serve', '--once'].map(cronWord);
  const secrets = `$([ -r ${environmentFile} ] && echo --env-file=${environmentFile})`;
  return `${mark}. What is owed is known to Holdfast; this only asks often.
SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
*/5 * * * * root ${cronWord(node!)} ${secrets} ${words.join(' ')}
`;
}

/** Whether a unit or a line for cron calls us with this configuration. */
export function callsFor(text: string, configDir: string): boolean {
  // Nothing of ours could be written for it.
  if (/\p{Cc}/u.test(configDir)) return false;
  return [configDir, unitWord(configDir), cronWord(configDir)].some((word) => text.includes(` ${word} `));
}

/**
 * Why a file is not what `schedule install` wrote for this configuration; null where it is. Settings may have been changed:
 * a later installation would overwrite them. What it runs may not.
 */
export function whyNotOurs(name: UnitPath, text: string, configDir: string): string | null {
  if (!text.startsWith(mark)) return 'it was not written by holdfast schedule install';
  const lines = text.split('\n').map((line) => line.trim());
  const calls = lines.filter((line) => runs[name].test(line));
  if (calls.length !== 1 || !ours[name].test(calls[0]!)) return 'it was changed to run something else';
  if (name === 'timer' || callsFor(calls[0]!, configDir)) return null;
  return 'it is for another configuration';
}

/** The lines that say what is run: settings of units, and all of cron but comments and variables. */
const runs = { service: /^Exec\w*\s*=/, timer: /^Unit\s*=/, cron: /^(?!#|\w+\s*=)./ } as const;
const ours = {
  service: / serve(?: --once)?$/,
  timer: /^Unit=holdfast\.service$/,
  cron: / serve --once$/,
} as const;

/** A word of ExecStart: quoted, with what systemd would expand or unescape taken literally. */
function unitWord(word: string): string {
  if (/^[A-Za-z0-9_@:./=-]+$/.test(word)) return word;
  const plain = refuseControls(word).replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  return `"${plain.replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;
}

/** For cron, which ends the command at a percent sign, and then for its shell. */
function cronWord(word: string): string {
  if (/^[A-Za-z0-9_@:./=-]+$/.test(word)) return word;
  return `'${refuseControls(word).replaceAll("'", "'\\''").replaceAll('%', '\\%')}'`;
}

/** @throws USAGE */
function refuseControls(word: string): string {
  if (!/\p{Cc}/u.test(word)) return word;
  throw new HoldfastError('USAGE', `the path ${printable(word)} holds control characters`, {
    hint: 'Move the configuration or the program to a plain path.',
  });
}

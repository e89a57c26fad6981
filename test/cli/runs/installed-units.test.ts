/** What `schedule uninstall` takes away, below a directory of its own. */

import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { afterwards, installedFiles, removeInstalled } from '../../../src/cli/runs/installed-units.ts';
import { enabledLinks, type InstallKind, unitFiles, unitPaths } from '../../../src/cli/runs/units.ts';

const configDir = '/etc/hold fast';
let root: string;

const parts = { command: ['/usr/bin/node', '/opt/holdfast/main.ts'], configDir };
const at = (path: string): string => join(root, path);
const change = (path: string, edit: (text: string) => string): void =>
  writeFileSync(at(path), edit(readFileSync(at(path), 'utf8')));

function install(kind: InstallKind, own = parts): void {
  for (const { path, text } of unitFiles(kind, own)) {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
  }
}

/** As systemctl does. */
function enable(unit: string): void {
  const { link } = enabledLinks.find((one) => one.unit === unit)!;
  mkdirSync(dirname(at(link)), { recursive: true });
  symlinkSync(unit, at(link));
}

const left = (): string[] =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((one) => !one.isDirectory())
    .map((one) => join(one.parentPath, one.name).slice(root.length));

async function uninstall(dir = configDir): Promise<Record<string, string | null>> {
  const files = await installedFiles(dir, root);
  await removeInstalled(files, root);
  return Object.fromEntries(files.map(({ path, why }) => [path, why]));
}

/** What it is refused with. */
async function asNobody(action: () => Promise<unknown>): Promise<unknown> {
  process.seteuid?.(65534);
  try {
    return await action().catch((error: unknown) => error);
  } finally {
    process.seteuid?.(0);
  }
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-units-'));
});
afterEach(() => rmSync(root, { recursive: true }));

describe('what schedule install wrote', () => {
  it.each(['daemon', 'timer', 'cron'] as const)('goes as a %s, with its links, and once', async (kind) => {
    install(kind);
    if (kind !== 'cron') enable(kind === 'timer' ? unitPaths.timer : unitPaths.service);

    const found = await uninstall();

    expect(Object.values(found)).toEqual(
      kind === 'daemon' ? [null, null] : kind === 'timer' ? [null, null, null] : [null],
    );
    expect(left()).toEqual([]);
    expect(await uninstall()).toEqual({});
    const units = kind === 'cron' ? [] : [kind === 'timer' ? 'holdfast.timer' : 'holdfast.service'];
    const stops = units.map((unit) => `systemctl stop ${unit}`);
    expect(afterwards(Object.keys(found)).slice(0, 1)).toEqual(stops);
  });

  it('goes as a timer that was installed over a service, which is to be stopped, too', async () => {
    install('daemon');
    enable(unitPaths.service);
    install('timer');
    enable(unitPaths.timer);

    expect(afterwards(Object.keys(await uninstall()))).toEqual([
      'systemctl stop holdfast.timer holdfast.service',
      'systemctl daemon-reload',
    ]);
  });

  it('stays where nobody has the right, which is said', async () => {
    install('cron');
    chmodSync(root, 0o755);
    chmodSync(dirname(at(unitPaths.cron)), 0o1777);
    const files = await installedFiles(configDir, root);

    const refused = await asNobody(() => removeInstalled(files, root));

    expect(refused).toMatchObject({ message: `cannot remove ${unitPaths.cron}: EPERM` });
    expect(left()).toHaveLength(1);
  });

  it('goes although its settings were changed', async () => {
    install('daemon');
    change(unitPaths.service, (text) => text.replace('UMask=0077', 'UMask=0027\nNice=5'));
    install('cron');
    change(unitPaths.cron, (text) => `${text}# of ours\nMAILTO=root\n`);

    await uninstall();

    expect(left()).toEqual([]);
  });
});

describe('what stays', () => {
  it('is for another configuration, with its timer and its link', async () => {
    install('timer');
    enable(unitPaths.timer);

    expect(await uninstall('/etc/hold')).toEqual({
      [unitPaths.service]: 'it is for another configuration',
      [unitPaths.timer]: 'the service that it starts stays',
    });
    expect(left()).toHaveLength(3);
  });

  it('runs something else by now', async () => {
    install('daemon');
    change(unitPaths.service, (text) =>
      text.replace('ExecStart=', 'ExecStartPre=/usr/local/bin/mount-it\nExecStart='),
    );
    install('cron');
    change(unitPaths.cron, (text) => `${text}0 5 * * * root /usr/local/bin/other\n`);

    const why = 'it was changed to run something else';
    expect(await uninstall()).toEqual({ [unitPaths.service]: why, [unitPaths.cron]: why });
    expect(left()).toHaveLength(2);
  });

  it('was never ours, or is no file', async () => {
    install('cron');
    change(unitPaths.cron, (text) => text.replace(/^#.*\n/, ''));
    mkdirSync(dirname(at(unitPaths.service)), { recursive: true });
    symlinkSync('/dev/null', at(unitPaths.service));

    expect(await uninstall()).toEqual({
      [unitPaths.cron]: 'it was not written by holdfast schedule install',
      [unitPaths.service]: 'it is no regular file',
    });
    expect(left()).toHaveLength(2);
  });
});

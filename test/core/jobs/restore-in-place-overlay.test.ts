/** Restore in place through a mounted overlay, as ApisCP has one for each account. */

import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ApiscpPanel } from '../../../src/panels/apiscp/apiscp-panel.ts';
import { type Lab, openLab } from '../../support/backup.ts';
import { compareTrees } from '../../support/compare-trees.ts';
import { type FilesystemKind, type MountedFilesystem, mountFilesystem } from '../../support/filesystems.ts';
import { accountAt, restoreTreeInPlace } from '../../support/in-place.ts';

const overlayXattrs = ['opaque', 'origin', 'impure', 'uuid'].map((name) => `trusted.overlay.${name}`);

describe.each<FilesystemKind>(['ext4', 'xfs'])('restore in place through an overlay on %s', (kind) => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-in-place-overlay-'));
  let mounted: MountedFilesystem;
  let lab: Lab;
  let root: string;
  let home: string;
  let count = 0;

  beforeAll(async () => {
    mounted = mountFilesystem(kind);
    lab = await openLab(directory);
  });
  afterAll(async () => {
    await lab.close();
    mounted.unmount();
    rmSync(directory, { recursive: true, force: true });
  });

  beforeEach(async () => {
    root = join(mounted.path, `panel-${++count}`);
    home = join(root, 'home/virtual/site1');
    const lower = join(root, 'lower');
    for (const path of ['usr/bin', 'etc', 'opt/dir', 'srv/sub'])
      mkdirSync(join(lower, path), { recursive: true });
    for (const path of [
      'usr/bin/tool',
      'etc/motd',
      'etc/passwd',
      'opt/dir/x',
      'opt/dir/y',
      'srv/hidden',
      'srv/sub/a',
    ])
      writeFileSync(join(lower, path), `lower ${path}\n`);
    for (const path of ['shadow', 'info/work', 'fst']) mkdirSync(join(home, path), { recursive: true });
    const options = `lowerdir=${lower},upperdir=${home}/shadow,workdir=${home}/info/work`;
    execFileSync('mount', ['-t', 'overlay', '-o', options, 'none', at('')]);
    mkdirSync(at('var/www'), { recursive: true });
    writeFileSync(at('var/www/index'), 'index\n');
    execFileSync('setfacl', ['-m', 'u:48:rwx', at('var/www/index')]);
    appendFileSync(at('etc/passwd'), 'account\n');
    unlinkSync(at('srv/hidden'));
    rmSync(at('opt/dir'), { recursive: true });
    mkdirSync(at('opt/dir'));
    writeFileSync(at('opt/dir/new'), 'new\n');
    writeFileSync(at('srv/sub/mine'), 'mine\n');
    execFileSync('chown', ['-R', '1234:1234', at('var'), at('opt/dir')]);
    await lab.backUp({ shadow: join(home, 'shadow') });
    execFileSync('cp', ['-a', at('.'), join(root, 'golden')]);
  });
  afterEach(() => execFileSync('umount', [at('')]));

  const at = (path: string): string => join(home, 'fst', path);
  const inPlace = (options: Parameters<typeof restoreTreeInPlace>[3] = {}) => {
    const account = accountAt(join(home, 'shadow'), { home });
    return restoreTreeInPlace(lab, directory, account, { panel: new ApiscpPanel(root), ...options });
  };
  const differences = async () => {
    const options = { ignoreXattrs: overlayXattrs };
    return (await compareTrees(join(root, 'golden'), at('.'), options)).differences;
  };

  it('touches nothing where nothing has changed, least of all the lower layers', async () => {
    const { list, warnings, failures } = await inPlace({ delete: true });

    expect({ list, warnings, failures }).toEqual({ list: [], warnings: [], failures: [] });
    expect(await differences()).toEqual([]);
  });

  it('brings back the merged view and the layer, whiteouts and opaque directories too', async () => {
    writeFileSync(at('var/www/index'), 'defaced\n');
    writeFileSync(at('srv/hidden'), 'shows again\n');
    unlinkSync(at('etc/passwd'));
    rmSync(at('opt/dir'), { recursive: true });
    writeFileSync(at('var/extra'), 'x');
    mkdirSync(at('var/more/deep'), { recursive: true });
    execFileSync('chmod', ['700', at('var/www')]);
    const planned = await inPlace({ delete: true, dryRun: true });
    const { list, warnings, failures } = await inPlace({ delete: true });

    expect({ warnings, failures }).toEqual({ warnings: [], failures: [] });
    expect(list).toEqual(planned.list);
    expect(await differences()).toEqual([]);
    await lab.restore(join(root, 'restored'));
    const layers = await compareTrees(join(root, 'restored/shadow'), join(home, 'shadow'), {
      ignoreXattrs: overlayXattrs,
      ignoreFields: ['links'],
    });
    expect(layers.differences.filter(({ path }) => path !== 'srv/hidden')).toEqual([]);
    expect((await inPlace({ delete: true })).list).toEqual([]);
    expect(existsSync(at('usr/bin/tool'))).toBe(true);
  });

  it('brings back an opaque directory that shows the lower layers again', async () => {
    execFileSync('umount', [at('')]);
    rmSync(join(home, 'shadow/opt'), { recursive: true });
    const options = `lowerdir=${root}/lower,upperdir=${home}/shadow,workdir=${home}/info/work`;
    execFileSync('mount', ['-t', 'overlay', '-o', options, 'none', at('')]);
    expect(existsSync(at('opt/dir/x'))).toBe(true);
    const { warnings, failures } = await inPlace();

    expect({ warnings, failures }).toEqual({ warnings: [], failures: [] });
    expect(await differences()).toEqual([]);
    expect((await inPlace()).list).toEqual([]);
  });

  it('says what it cannot uncover of the lower layers, and leaves it', async () => {
    appendFileSync(at('etc/motd'), 'changed\n');
    unlinkSync(at('usr/bin/tool'));
    const { warnings, list, exitStatus } = await inPlace({ delete: true });

    expect(list.filter((one) => one.startsWith('delete'))).toEqual([]);
    expect(warnings.map(({ code, path }) => `${code} ${path}`)).toEqual([
      'layer-kept shadow/etc/motd',
      'layer-kept shadow/usr',
      'layer-kept shadow/usr/bin',
      'layer-kept shadow/usr/bin/tool',
    ]);
    expect(exitStatus).toBe(100);
    expect(readFileSync(at('etc/motd'), 'utf8')).toContain('changed');
  });

  it('tells without deleting what is hidden of the lower layers, besides the snapshot', async () => {
    appendFileSync(at('etc/motd'), 'changed\n');
    unlinkSync(at('usr/bin/tool'));
    rmSync(at('opt/dir'), { recursive: true });
    writeFileSync(at('var/extra'), 'no lower layer has it\n');
    const planned = await inPlace({ dryRun: true });
    const { warnings, failures, exitStatus } = await inPlace();

    expect(warnings.map(({ code, path }) => `${code} ${path}`)).toEqual([
      'layer-kept shadow/etc/motd',
      'layer-kept shadow/usr/bin/tool',
    ]);
    expect(planned.warnings).toEqual(warnings);
    for (const [path, told] of [['shadow/etc', ['shadow/etc/motd']] as const, ['shadow/var', []] as const]) {
      const alone = await inPlace({ paths: [Buffer.from(path)] });
      expect(alone.warnings.map((one) => one.path)).toEqual(told);
    }
    expect({ failures, exitStatus }).toEqual({ failures: [], exitStatus: 100 });
  });

  it('tells at once of a directory that hides the lower layers when it is made again, and of no other', async () => {
    rmSync(at('srv/sub'), { recursive: true });
    rmSync(at('var/www'), { recursive: true });
    const told = [];
    for (const dryRun of [true, false, false]) {
      const { warnings, failures } = await inPlace({ dryRun });
      expect(failures).toEqual([]);
      told.push(warnings.map(({ code, path }) => `${code} ${path}`));
    }

    expect(told).toEqual([1, 2, 3].map(() => ['layer-kept shadow/srv/sub']));
    expect([existsSync(at('srv/sub/mine')), existsSync(at('srv/sub/a'))]).toEqual([true, false]);
    expect(existsSync(at('var/www/index'))).toBe(true);
  });

  it('deletes a file of a lower layer that was moved to where none has one', async () => {
    renameSync(at('etc/motd'), at('var/www/moved'));
    writeFileSync(at('var/www/moved'), 'changed\n');
    const { list, warnings } = await inPlace({ delete: true });

    expect(list).toContain('delete shadow/var/www/moved');
    expect(existsSync(at('var/www/moved'))).toBe(false);
    expect(warnings.map(({ code, path }) => `${code} ${path}`)).toEqual(['layer-kept shadow/etc/motd']);
  });

  it('says in the dry run too that a directory which is deleted goes on hiding one of a lower layer', async () => {
    rmSync(at('usr/bin'), { recursive: true });
    mkdirSync(at('usr/bin'));
    const planned = await inPlace({ delete: true, dryRun: true });
    const { list, warnings } = await inPlace({ delete: true });

    expect({ list: planned.list, warnings: planned.warnings }).toEqual({ list, warnings });
    expect(list).toEqual(['delete shadow/usr/bin']);
    expect(warnings.map(({ path }) => path)).toEqual(['shadow/usr', 'shadow/usr/bin']);
  });

  it('makes a copy of a file that has names in both trees, since no link reaches through the mount, and says so', async () => {
    const info = join(home, 'info');
    linkSync(join(home, 'shadow/var/www/index'), join(info, 'index'));
    const trees = [
      { name: 'shadow', path: join(home, 'shadow'), exclude: [] },
      { name: 'info', path: info, exclude: ['work'] },
    ];
    await lab.backUp({ shadow: join(home, 'shadow'), info: { path: info, exclude: ['work'] } });
    const account = accountAt(join(home, 'shadow'), { home, trees });
    const panel = new ApiscpPanel(root);
    const restored = (dryRun: boolean) => restoreTreeInPlace(lab, directory, account, { panel, dryRun });
    expect(await restored(false)).toMatchObject({ list: [], warnings: [], exitStatus: 0 });

    writeFileSync(join(info, 'index'), 'defaced\n');
    const planned = await restored(true);
    const { list, warnings, exitStatus } = await restored(false);

    expect(list).toEqual(['replace info/index', 'replace shadow/var/www/index']);
    expect(warnings.map(({ code, path }) => `${code} ${path}`)).toEqual(['link-lost shadow/var/www/index']);
    expect({ list: planned.list, warnings: planned.warnings }).toEqual({ list, warnings });
    expect(exitStatus).toBe(100);
    for (const path of [at('var/www/index'), join(info, 'index')])
      expect(readFileSync(path, 'utf8')).toBe('index\n');
  });

  it('touches info, and the panel hears of it', async () => {
    const before = statSync(join(home, 'info')).mtimeMs;
    unlinkSync(at('var/www/index'));
    await inPlace();

    expect(statSync(join(home, 'info')).mtimeMs).toBeGreaterThan(before);
  });

  it('is refused where the layer is mounted elsewhere', async () => {
    const elsewhere = join(root, 'elsewhere');
    mkdirSync(elsewhere);
    execFileSync('mount', ['--move', at(''), elsewhere]);
    try {
      await expect(inPlace()).rejects.toMatchObject({
        code: 'TARGET_UNWRITABLE',
        message: expect.stringContaining('is the upper directory of'),
      });
    } finally {
      execFileSync('mount', ['--move', elsewhere, at('')]);
    }
  });
});

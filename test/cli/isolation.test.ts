import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DoctorDocument } from '../../src/cli/documents/doctor.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

let site: CliSite;
const config = (isolation: 'on' | 'off') => ({
  isolation,
  panel: { use: 'generic', accounts: [{ path: join(site.dir, 'accounts/*') }] },
});

beforeAll(() => {
  const dir = makeDirectory();
  mkdirSync(join(dir, 'accounts/site1'), { recursive: true });
  writeFileSync(join(dir, 'accounts/site1/page'), 'hello');
  site = makeSite({}, dir);
  isolate('on');
});

afterAll(() => site.remove());

const isolate = (isolation: 'on' | 'off'): void =>
  writeJson(join(site.config, 'config.json'), config(isolation));

describe('isolation', () => {
  it('backs up and restores through a store that is another user and sees no account', async () => {
    expect(await site.holdfast('backup')).toMatchObject({ status: 0, stderr: '' });
    expect(statSync(site.store).uid).not.toBe(0);
    const target = join(site.dir, 'restored');
    expect(await site.holdfast('restore', 'latest', '--account', 'site1', '--to', target)).toMatchObject({
      status: 0,
    });
    expect(readFileSync(join(target, 'files/page'), 'utf8')).toBe('hello');
  });

  it('can be turned off and on again between runs', async () => {
    isolate('off');
    expect(await site.holdfast('backup')).toMatchObject({ status: 0 });
    isolate('on');
    expect((await site.holdfast('verify', '--read-data')).stdout).toMatch(/^2 snapshots, .* no problem$/m);
    const foreign = execFileSync('find', [site.store, '-user', 'root'], { encoding: 'utf8' });

    expect(foreign).toBe('');
  });

  it('is told of by doctor', async () => {
    const { checks } = documentOf<DoctorDocument>('doctor', await site.holdfast('--json', 'doctor'));
    const states = ['isolation', 'threads on accounts'].map(
      (name) => checks.find((check) => check.name === name)?.state,
    );

    expect(states).toEqual(['ok', 'ok']);
  });
});

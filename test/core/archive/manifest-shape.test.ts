/** Manifests that have a seal that fits and are none: damaged, and no obstacle for what goes over all manifests. */

import { hash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { errorCodes } from '../../../src/core/errors.ts';
import { type Lab, openLab } from '../../support/backup.ts';
import { pruneLab } from '../../support/upkeep.ts';

type Json = Record<string, unknown>;
const dump = {
  ...{ type: 'database', name: 'a/b', instance: 'a', engine: 'mysql', databases: ['b'], format: 'sql' },
  ...{ state: 'failed', object: null, plainBytes: 0, sha256: null, besides: [] },
};
const refOf = (header: Json): Json => (header['objects'] as Json[]).find(({ kind }) => kind === 'segment')!;
const withRef = (header: Json, ref: Json): Json => ({ ...header, references: [ref] });
const naming =
  (key: string) =>
  (header: Json, body: Json): readonly [unknown, unknown] => [
    withRef(header, { ...refOf(header), key }),
    body,
  ];
const strange: readonly ((header: Json, body: Json) => readonly [unknown, unknown])[] = [
  () => [null, {}],
  () => [{}, {}],
  (header) => [header, {}],
  (header) => [header, null],
  (header, body) => [{ ...header, objects: null }, body],
  (header, body) => [{ ...header, references: [null] }, body],
  (header, body) => [{ ...header, startedAt: 7 }, body],
  (header, body) => [{ ...header, addin: null }, body],
  (header, body) => [{ ...header, encryption: 5 }, body],
  (header, body) => [header, { ...body, components: 'none' }],
  (header, body) => [header, { ...body, components: [{ type: 'database', name: 'a', state: 'complete' }] }],
  (header, body) => [header, { ...body, components: [{ type: 'tree', name: 'a', state: 'complete' }] }],
  (header, body) => [header, { ...body, counts: null }],
  (header, body) => [header, { ...body, index: 'none' }],
  ...['../x', '', '/', 'data/', 'data//x', 'data/../x', 'index/ x', 'holdfast.json', 'x'.repeat(5000)].map(
    naming,
  ),
  (header, body) => [withRef(header, { ...refOf(header), size: 1.5 }), body],
  (header, body) => [withRef(header, { ...refOf(header), size: -1 }), body],
  (header, body) => [withRef(header, { ...refOf(header), kind: 'index' }), body],
  (header, body) => [header, { ...body, unconfiguredEngines: undefined }],
  (header, body) => [header, { ...body, unconfiguredEngines: 7 }],
  (header, body) => [header, { ...body, exclusions: { shadow: 5 } }],
  (header, body) => [header, { ...body, account: { ...(body['account'] as Json), domain: { a: 1 } } }],
  (header, body) => [header, { ...body, account: { ...(body['account'] as Json), domain: undefined } }],
  (header, body) => [header, { ...body, index: { ...(body['index'] as Json), offset: 1.5 } }],
  (header, body) => [header, { ...body, index: { ...(body['index'] as Json), object: -1 } }],
  (header, body) => [header, { ...body, components: [{ ...dump, format: 'tar' }] }],
  (header, body) => [header, { ...body, components: [{ ...dump, object: 'x' }] }],
];

async function put({ storePath }: Lab, { key, header, body }: Awaited<ReturnType<Lab['latest']>>) {
  return strange.map((make, i) => {
    const id = `${i}`.padStart(12, 'f');
    const [line1, line2] = make({ ...header, id }, { ...body }).map((one) => JSON.stringify(one));
    const lines = `${line1}\n${line2}\n`;
    const other = key.replace(header.id, id);
    const seal = JSON.stringify({ sha256: hash('sha256', lines, 'hex') });
    writeFileSync(join(storePath, other), `${lines}${seal}\n`);
    return other;
  });
}

it('a manifest that is none stops neither backup nor verify, and keeps prune from removing objects', async () => {
  const directory = mkdtempSync('/dev/shm/holdfast-strange-');
  const lab = await openLab(directory);
  const tree = join(directory, 'tree');
  mkdirSync(tree);
  writeFileSync(join(tree, 'a'), 'content');
  const { snapshot } = await lab.backUp({ shadow: tree });
  const keys = await put(lab, snapshot);
  // A later second: in the same one any of them might be the newest.
  const now = () => Date.now() + 5000;
  expect((await lab.backUp({ shadow: tree }, { now })).exitStatus).toBe(0);
  const { exitStatus, snapshots } = await lab.verify(true);
  expect(exitStatus).toBe(errorCodes.OBJECT_DAMAGED.exit);
  const damaged = snapshots.filter(({ problems }) => problems.length > 0);
  expect(damaged.flatMap(({ problems }) => problems.map(({ object }) => object)).sort()).toEqual(keys.sort());
  expect(await pruneLab(lab)).toMatchObject({ exitStatus: errorCodes.PRUNE_REFUSED.exit });
  expect((await lab.latest()).header.sequence).toBe(2);
  await lab.close();
  rmSync(directory, { recursive: true });
});

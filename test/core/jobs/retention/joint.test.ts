/** What retention keeps of databases that are in one export, as where their tables could not be locked. */

import { expect, it } from 'vitest';
import type { DatabaseEngine } from '../../../../src/core/contracts/database.ts';
import { cannedEngine, cannedSelector } from '../../../support/canned-engine.ts';
import { pruneLab } from '../../../support/upkeep.ts';
import { openChainLab } from '../chain/chain-lab.ts';

/** All of them in one dump, where `joint`. */
function engineOf(names: readonly string[], joint: boolean): DatabaseEngine {
  const engine = cannedEngine(Object.fromEntries(names.map((name) => [name, `INSERT ${name};\n`])));
  return {
    ...engine,
    exports: async (request) => {
      const set = await engine.exports(request);
      const [first, ...others] = request.databases;
      if (!joint) return set;
      return {
        ...set,
        consistency: 'joint',
        exports: [{ ...set.exports[0]!, databases: [first!, ...others] }],
      };
    },
  };
}

/** One night for each list of databases; what prune says then, by night. */
async function nights(all: readonly (readonly [names: readonly string[], joint: boolean])[]) {
  await using chain = await openChainLab();
  chain.write('page', 'text');
  for (const [names, joint] of all)
    await chain.full({ engines: [engineOf(names, joint)], databases: [cannedSelector] });
  const { snapshots } = await pruneLab(chain.lab, { retention: { keepLast: 1 }, apply: false });
  return snapshots.map(({ keep, reasons }) => `${keep ? 'keep' : 'remove'}: ${reasons[0]}`);
}

it('the last good export of a database that was dropped stays, though it is in a joint one', async () => {
  const dropped = await nights([
    [['blog', 'old', 'shop'], true],
    [['blog', 'shop'], true],
    [['blog', 'shop'], true],
  ]);
  expect(dropped[0]).toMatch(/^keep: the last good of /);
});

it('a joint export of databases that all have newer ones of their own keeps nothing', async () => {
  const single = await nights([
    [['blog', 'shop'], true],
    [['blog', 'shop'], false],
    [['blog', 'shop'], false],
  ]);
  expect(single[0]).toBe('remove: no rule keeps it');
});

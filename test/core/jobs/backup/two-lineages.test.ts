/** A parent that is the newest by its number only: another lineage has a later snapshot, and prune goes by time. */

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { localStore } from '../../../../src/addins/local/index.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { ahead, openLab } from '../../../support/backup.ts';
import { danglingIn } from '../../../support/copies.ts';
import { hookedStore } from '../../../support/hooked-store.ts';
import { ageStore, pruneLab } from '../../../support/upkeep.ts';
import { openChainLab } from '../chain/chain-lab.ts';

const cadence = { cadence: 'forever', rereadEvery: 100_000 } as const;

it('is looked for once more after the commit', async () => {
  await using chain = await openChainLab({ chain: cadence });
  for (const name of ['a', 'b']) {
    chain.write(name, randomBytes(50_000));
    await (name === 'a' ? chain.full() : chain.incremental());
  }
  const base = await localStore.open({ use: 'local', path: chain.lab.storePath });
  let [listsNothing, prunesNext] = [true, false];
  const hooked = hookedStore(base, {
    beforePut: async (key) => {
      if (!prunesNext || !key.startsWith('manifests/')) return;
      prunesNext = false;
      const stateDir = join(chain.directory, 'elsewhere');
      await pruneLab(chain.lab, { stateDir, retention: { keepLast: 1, maxRemoveShare: 1 } });
    },
  });
  const store: Store = {
    ...hooked,
    async list(request) {
      const page = await base.list(request);
      return listsNothing && request.prefix.startsWith('manifests/') ? { ...page, objects: [] } : page;
    },
  };
  const lab = await openLab(chain.directory, { store, chain: cadence, now: () => ahead() + 60_000 });
  const other = await lab.backUp({ shadow: chain.tree }, { level: 'full' });
  listsNothing = false;
  ageStore(chain.lab);
  prunesNext = true;
  chain.write('c', 'c');

  const run = await lab
    .backUp({ shadow: chain.tree }, { level: 'incremental' })
    .catch((error: unknown) => error);

  expect(prunesNext).toBe(false);
  expect(other.snapshot.header.sequence).toBe(1);
  expect(run).toMatchObject({ code: 'CHAIN_BROKEN' });
  expect(danglingIn(chain.lab.storePath)).toEqual([]);
  await lab.close();
});

import { expect, it } from 'vitest';
import { findDefiners } from '../../../../src/core/databases/mysql/losses.ts';
import type { Session } from '../../../../src/core/databases/mysql/session.ts';
import { newNotes, notesToKeep } from '../../../../src/core/jobs/findings/database-notes.ts';
import type { Measures } from '../../../../src/core/state/measures.ts';
import { cannedSelector } from '../../../support/canned-engine.ts';

it('a foreign definer that is new is told also where so many are older that it is not named', async () => {
  const night = async (...names: readonly string[]) => {
    const rows = names.map((name) =>
      ['trigger', 'exa_wp', name, 'root@localhost'].map((text) => Buffer.from(text)),
    );
    const session = { rows: async () => rows } as unknown as Session;
    const selector = { ...cannedSelector, prefix: 'exa_' };
    const found = await findDefiners(session, 'exa_wp', { selector, hasViews: false });
    return found.map((one) => ({ ...one, instance: 'maria', component: 'maria/exa_wp', isJoint: false }));
  };
  const older = ['a', 'b', 'c', 'd', 'e'];
  const before = { notes: notesToKeep(await night(...older, 'f'), [], undefined) } as unknown as Measures;

  expect(newNotes(await night('f', ...older), before)).toEqual([]);
  expect(newNotes(await night(...older, 'g'), before)).toHaveLength(1);
});

/** The suite of planted damage, for as many rounds of ten as the caller has time for. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DamageField, damageKinds, openDamageField } from './planted-damage.ts';

/** Ten damages a round; a seed of its own for each number of rounds. */
export function findsDamages(rounds: number): void {
  describe.each([
    ['plain', false],
    ['encrypted', true],
  ])('verify --read-data of %s snapshots', (_, encrypted) => {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-planted-'));
    let field: DamageField;
    beforeAll(async () => {
      field = await openDamageField(directory, 12, rounds, encrypted);
    });
    afterAll(async () => {
      await field.close();
      rmSync(directory, { recursive: true });
    });

    it(`names each of ${rounds * 10} damaged objects of all kinds, and no other`, async () => {
      const kinds = new Set<string>();
      for (let turn = 0; turn < rounds; turn++) {
        const { planted, found } = await field.round();
        for (const { kind } of planted) kinds.add(kind);
        expect(found.toSorted(), JSON.stringify(planted)).toEqual(planted.map(({ key }) => key).toSorted());
      }
      expect([...kinds].sort()).toEqual([...damageKinds].sort());
    });
  });
}

/** What a run makes of one part of its upkeep, by commands of the test's own. */

import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { CliCommand, CliContext } from '../../../src/cli/command.ts';
import { Output } from '../../../src/cli/output.ts';
import { doPart, type PartOutcome } from '../../../src/cli/runs/upkeep-part.ts';
import type { World } from '../../../src/cli/world.ts';
import { errorCodes } from '../../../src/core/errors.ts';

const { signal } = new AbortController();
const [stdout, stderr] = [new PassThrough(), new PassThrough()];
const output = new Output({ stdout, stderr }, { json: false, quiet: true });
const context: CliContext = { world: {} as World, output, configDir: '/nowhere', signal };

const outcomeOf = (run: CliCommand['run'], mayBeDenied = false): Promise<PartOutcome> =>
  doPart(context, { name: 'prune', command: { exits: [], define() {}, run }, options: {}, mayBeDenied });

const refusing =
  (...refusals: readonly { readonly rule: string; readonly owner: string | null }[]): CliCommand['run'] =>
  async (given) => {
    given.output.document({ refusals, denied: 0, locked: [] });
    return errorCodes.PRUNE_REFUSED.exit;
  };

describe('one part of an upkeep', () => {
  it('that ends with a defect is told as one, and the run goes on', async () => {
    const outcome = await outcomeOf(async (given) => {
      given.output.note('note: so far');
      throw new TypeError('nothing is there');
    });

    expect(outcome).toMatchObject({ status: errorCodes.INTERNAL.exit, isDone: false });
    expect(outcome.lines.slice(0, 2)).toEqual(['note: so far', 'INTERNAL: nothing is there']);
  });

  it('is done, and told, where single accounts alone were refused', async () => {
    const status = errorCodes.PRUNE_REFUSED.exit;
    const shrunk = { rule: 'shrunk', owner: 'anna' };

    expect(await outcomeOf(refusing(shrunk))).toMatchObject({ status, isDone: true });
    expect(await outcomeOf(refusing(shrunk, { rule: 'share', owner: null }))).toMatchObject({
      status,
      isDone: false,
    });
    expect(await outcomeOf(refusing({ rule: 'damaged-manifest', owner: 'anna' }))).toMatchObject({
      status,
      isDone: false,
    });
  });

  it('that may not remove is an error only where something is to go', async () => {
    const status = errorCodes.STORE_DENIED.exit;

    expect(await outcomeOf(async () => status, true)).toMatchObject({ status: 0, isDone: true });
    expect(await outcomeOf(async () => status)).toMatchObject({ status, isDone: false });
  });
});

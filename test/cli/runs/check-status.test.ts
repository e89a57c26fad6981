import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { CliContext } from '../../../src/cli/command.ts';
import { answered } from '../../../src/cli/runs/check-status.ts';

const context = { signal: new AbortController().signal, world: {} } as unknown as CliContext;

describe('a store that monitoring asks', () => {
  it('is given up where it is silent, and told to stop', async () => {
    let heard: AbortSignal | null = null;
    const silent = answered(context, 20, (within) => {
      heard = within.signal;
      return new Promise(() => {});
    });

    await expect(silent).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(heard).toMatchObject({ aborted: true });
  });

  it('may take as long as it does once it has answered', async () => {
    const slow = answered(context, 20, async (within, begun) => {
      begun();
      await sleep(100); // longer than a silent one is given
      return within.signal.aborted;
    });

    expect(await slow).toBe(false);
  });
});

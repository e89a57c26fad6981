/** Keeps how a verification ended, for `addin list`. The verdict of the trial counts more: trouble here is a note. */

import type { AddinRef } from '../core/archive/manifest.ts';
import { holdfastVersion } from '../core/jobs/addin.ts';
import type { VerifyStoreReport } from '../core/jobs/verify-store/verify-store.ts';
import { printable } from '../core/printable.ts';
import { rememberVerification, type Verification } from '../core/state/verifications.ts';
import type { Output } from './output.ts';

export interface Tried {
  /** Name of the addin configuration. */
  readonly configuration: string;
  readonly storeRef: AddinRef;
  readonly providerRef: AddinRef;
  readonly endedAtMs: number;
}

export async function keepVerification(
  stateDir: string,
  { checks, abilities }: Pick<VerifyStoreReport, 'checks' | 'abilities'>,
  { configuration, storeRef, providerRef, endedAtMs }: Tried,
  output: Output,
): Promise<void> {
  const verifications = (['store', 'provider'] as const).flatMap((kind): Verification[] => {
    const { name, version, contract } = kind === 'store' ? storeRef : providerRef;
    const ran = checks.filter((one) => one.kind === kind && one.state !== 'skipped');
    // Nothing was tried, so that nothing is known.
    if (ran.length === 0) return [];
    const broken = kind === 'store' ? abilities.filter(({ verdict }) => verdict === 'failed').length : 0;
    const failed = ran.filter(({ state }) => state === 'failed').length + broken;
    const counts = { checks: ran.length, failed, sound: failed === 0 };
    return [
      { kind, name, version, contract, configuration, endedAtMs, ...counts, holdfast: holdfastVersion },
    ];
  });
  try {
    for (const one of verifications) await rememberVerification(stateDir, one);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    output.note(`note: how this ended is not kept for addin list: ${printable(why, 300)}`);
  }
}

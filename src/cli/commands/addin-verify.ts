/** `holdfast addin verify`: whether a store does what backups rely on, tried where they are to lie. */

import { randomBytes } from 'node:crypto';
import { compactUtc } from '../../core/archive/keys.ts';
import { errorCodes } from '../../core/errors.ts';
import { probePrefixOf, type Store } from '../../core/index.ts';
import { holdfastVersion } from '../../core/jobs/addin.ts';
import { removeStaleTrials } from '../../core/jobs/verify-store/stale-trials.ts';
import type { StoreAbility } from '../../core/jobs/verify-store/store-ability.ts';
import { type CheckResult, isAddinFault, verifyStore } from '../../core/jobs/verify-store/verify-store.ts';
import type { CliCommand } from '../command.ts';
import type { AddinVerificationDocument } from '../documents/store-setup.ts';
import { plural } from '../format.ts';
import { keepVerification } from '../kept-verification.ts';
import { choose, openForTrials, openSetup } from '../opened-setup.ts';
import type { Output } from '../output.ts';

type Purge = Parameters<typeof removeStaleTrials>[2];

const help = `
Writes about 300 MB in 3,000 trial objects below data/<this server>/_verify/, where the credentials of
a server may write and no backup lies, and removes them again, after an error or Ctrl-C too. First it says
what the store can and cannot do, then a line for each check: ok, failed or skipped. Credentials that cannot
remove run only what leaves next to nothing behind. How it ended is kept for holdfast addin list.`;

interface Options {
  readonly copy?: string;
  readonly leaveObjects?: true;
}

export const addinVerify: CliCommand<Options> = {
  exits: ['STORE_UNSOUND', 'STORE_UNAVAILABLE', 'STORE_DENIED', 'STORE_FULL'],

  define(command) {
    command
      .argument('<name>', 'addin configuration')
      .option('--copy <name>', 'try this copy of the addin configuration, not its main store')
      .option('--leave-objects', 'run all checks although the credentials cannot remove what they write')
      .addHelpText('after', help);
  },

  async run(context, { args, options }) {
    const { output, world, signal } = context;
    const { loaded, addin, server } = await choose(context, { addin: args[0], copy: options.copy });
    const setup = await openSetup(loaded, addin, world);
    const tidy = async (store: Store, parent: string, purge: Purge) => {
      // Credentials that only put are not even asked; a missing bucket is told by the first put.
      if (store.capabilities.putOnly || server === null) return;
      const trials = removeStaleTrials(store, { parent, nowMs: world.now(), signal }, purge);
      const stale = await trials.catch((error: unknown) => {
        // The checks find it as well, and say more.
        if (isAddinFault(error)) return [];
        throw error;
      });
      if (stale.length > 0) output.info(`removed what ${plural(stale.length, 'earlier run')} left behind`);
    };
    try {
      const startedAtMs = world.now();
      const { store, reopen, openProvider, storeRef, providerRef } = await openForTrials(
        loaded,
        addin,
        world,
      );
      try {
        const probe = `${compactUtc(world.now())}-${world.newObjectId().slice(0, 12)}`;
        const prefix = probePrefixOf('data', server ?? world.newUuid(), probe);
        const purge =
          setup === null
            ? null
            : (below: string, stop: AbortSignal) => setup.purge({ prefix: below, signal: stop });
        await tidy(store, prefix.slice(0, -probe.length - 1), purge);
        const report = await verifyStore({
          store,
          reopen,
          openProvider,
          prefix,
          purge,
          leaveObjects: options.leaveObjects === true,
          randomBytes: (length) => randomBytes(length),
          now: world.now,
          engine: { newObjectId: world.newObjectId, newUuid: world.newUuid },
          signal,
          onAbilities: (abilities) => printAbilities(abilities, output),
          onCheck: (result) => printCheck(result, output),
          onLeftBehind: (reason) => {
            output.note(`holdfast: trial objects are left below ${prefix}: ${reason}`);
            output.note('hint: Remove them with other credentials; nothing else lies there.');
          },
        });
        const exitStatus = report.sound ? 0 : errorCodes.STORE_UNSOUND.exit;
        printVerdict(report.checks, report.abilities, output);
        const { abilities, checks, leftBehind, sound } = report;
        const endedAtMs = world.now();
        const tried = { configuration: addin.name, storeRef, providerRef, endedAtMs };
        await keepVerification(loaded.configuration.stateDir, report, tried, output);
        output.document<AddinVerificationDocument>({
          addin: addin.name,
          store: { ...storeRef },
          provider: { ...providerRef },
          holdfast: holdfastVersion,
          startedAt: new Date(startedAtMs).toISOString(),
          endedAt: new Date(endedAtMs).toISOString(),
          prefix,
          exitStatus,
          sound,
          leftBehind,
          abilities: abilities.map((one) => ({ ...one })),
          checks: checks.map((one) => ({ ...one })),
        });
        return exitStatus;
      } finally {
        await store.close();
      }
    } finally {
      await setup?.close();
    }
  },
};

const shownVerdict = { ok: '     ', note: 'note ', failed: 'error' } as const;

function printAbilities(abilities: readonly StoreAbility[], output: Output): void {
  for (const { name, state, verdict, detail } of abilities) {
    const line = `${shownVerdict[verdict]}  ${name.padEnd(27)}  ${state.padEnd(7)}  ${detail}`;
    if (verdict === 'failed') output.line(line);
    else output.info(line);
  }
  output.info('');
}

function printCheck({ kind, name, state, reason }: CheckResult, output: Output): void {
  const why = reason === null ? '' : ` (${reason})`;
  const line = `${state.padEnd(7)}  the ${kind} ${name}${why}`;
  if (state === 'failed') output.line(line);
  else output.info(line);
}

function printVerdict(
  checks: readonly CheckResult[],
  abilities: readonly StoreAbility[],
  output: Output,
): void {
  const count = (state: CheckResult['state']): number => checks.filter((one) => one.state === state).length;
  const missing = abilities.filter(({ verdict }) => verdict === 'failed').length;
  const parts = [
    `${count('ok')} ok`,
    `${count('failed')} failed`,
    `${count('skipped')} skipped`,
    ...(missing > 0 ? [`${missing} of its abilities not as claimed or needed`] : []),
  ];
  output.info(`${plural(checks.length, 'check')}: ${parts.join(', ')}`);
}

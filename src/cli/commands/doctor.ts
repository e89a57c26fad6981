/** `holdfast doctor`: every reason why a backup could fail here, all at once. */

import { type ErrorCode, errorCodes } from '../../core/errors.ts';
import type { Account, DatabaseEngine } from '../../core/index.ts';
import { attempt, type Check, caution } from '../checks/check.ts';
import {
  checkAddins,
  checkSchedules,
  checkSecrets,
  checkState,
  describeProblem,
} from '../checks/configuration.ts';
import { checkEncryption, checkIdentityPlaces } from '../checks/encryption.ts';
import { checkHooks, checkPanelExport } from '../checks/hooks.ts';
import { checkHost, checkPriority } from '../checks/host.ts';
import { checkIsolation } from '../checks/isolation.ts';
import { checkNotifiers } from '../checks/notifiers.ts';
import { checkPackages } from '../checks/packages.ts';
import {
  checkAccounts,
  checkCarried,
  checkDatabases,
  checkDumpSpace,
  checkOwn,
  checkRawData,
  checkSelections,
  checkTrees,
} from '../checks/panel.ts';
import { checkReach } from '../checks/reach.ts';
import { checkSetup } from '../checks/store-setup.ts';
import { checkStore } from '../checks/stores.ts';
import type { CliCommand, CliContext } from '../command.ts';
import { checkConfigured, type Loaded, perStore } from '../configuration.ts';
import type { DoctorDocument } from '../documents/doctor.ts';
import { checkImports } from '../end-imports.ts';
import { openEngines, openPanel } from '../opened.ts';
import { ownDirectories } from '../own-directories.ts';
import { panelExports, twiceHint, twiceMessage } from '../panel-exports.ts';

export const doctor: CliCommand = {
  exits: [
    'PREREQUISITE_MISSING',
    'ACCOUNT_NOT_FOUND',
    'PANEL_UNREADABLE',
    'TREE_UNREADABLE',
    'TREE_OVERLAPS',
    'DATABASE_UNREACHABLE',
    'HOOK_FAILED',
    'EXPORT_FAILED',
    'STORE_UNAVAILABLE',
    'STORE_DENIED',
    'STORE_FOREIGN',
    'STORE_UNSOUND',
    'FINISHED_WITH_WARNINGS',
  ],

  define(command) {
    command.addHelpText(
      'after',
      '\nEach line is ok, warn or error, what was looked at, and what was found. The status is that of\nthe first error; with warnings only, 100. Nothing is written to any store.',
    );
  },

  async run(context) {
    const { output } = context;
    const checks: Check[] = [];
    const add = (found: readonly Check[]): void => {
      for (const check of found) {
        checks.push(check);
        if (check.state === 'ok' && output.quiet) continue;
        output.line(`${check.state.padEnd(5)}  ${check.name.padEnd(24)}  ${check.detail}`);
        if (check.hint !== null) output.line(`       hint: ${check.hint}`);
      }
    };
    add(await checkHost());
    const { configuration, problems, ...rest } = await checkConfigured(context.configDir);
    add(await checkPackages(rest.packages, configuration?.stateDir ?? null));
    if (configuration === null) add(problems.map(describeProblem));
    else await checkConfiguredParts(context, { configuration, ...rest }, add);
    const exitStatus = statusOf(checks);
    output.document<DoctorDocument>({ exitStatus, checks });
    return exitStatus;
  },
};

async function checkConfiguredParts(
  { world, signal, configDir }: CliContext,
  loaded: Loaded,
  add: (checks: readonly Check[]) => void,
): Promise<void> {
  const { configuration } = loaded;
  add([checkAddins(loaded), ...checkSchedules(loaded)]);
  add(await checkPriority(configuration.limits));
  add(await checkHooks(configuration));
  add(await checkPanelExport(configuration));
  add(await checkNotifiers(configuration));
  add(await checkSecrets(loaded, world));
  add(await attempt('isolation', () => checkIsolation(loaded, world)));
  const { checks, state } = await checkState(loaded, world);
  add(checks);
  let accounts: readonly Account[] = [];
  add(
    await attempt('panel', async () => {
      const { panel } = await openPanel(loaded, world);
      accounts = await panel.accounts({ signal, brief: true });
      return checkAccounts(accounts, panel.name);
    }),
  );
  if (state !== null) add(await attempt('accounts', () => checkCarried(accounts, state)));
  add(checkSelections(accounts, configuration, state?.sites() ?? new Map()));
  add(checkReach(accounts, configuration, state?.sites() ?? new Map()));
  add(await attempt('trees', () => checkTrees(accounts)));
  const { twice, problem } = await panelExports({ configDir, world }, loaded);
  if (twice === true) add([caution('exports', twiceMessage, twiceHint)]);
  if (problem !== null) add([caution('exports', problem)]);
  add(checkRawData(accounts));
  add(await attempt('dumps', async () => checkDumpSpace(accounts)));
  const own = ownDirectories(loaded);
  add(checkOwn(accounts, own));
  add(await checkIdentityPlaces(configuration.addins, own, accounts));
  let engines: readonly DatabaseEngine[] = [];
  try {
    add(
      await attempt('databases', async () => {
        engines = await openEngines(configuration, world);
        return checkDatabases(engines, accounts, signal);
      }),
    );
  } finally {
    await Promise.all(engines.map((engine) => engine.close()));
  }
  add(await attempt('imports', () => checkImports(loaded)));
  for (const one of configuration.addins.flatMap(perStore)) {
    const about = { stateDir: configuration.stateDir, storeId: state?.storeId(one.name) ?? null };
    // Needs no store: who mends its secrets is not to hear of the recipients only then.
    add(await attempt(`encryption of ${one.name}`, () => checkEncryption(one, about, world)));
    const found = await checkStore(loaded, one, { state, accounts, world, signal });
    add(found);
    // Where the store cannot be read there is nothing more to tell.
    if (found.every((check) => check.code === null)) add(await checkSetup(loaded, one, { state, world }));
  }
}

function statusOf(checks: readonly Check[]): number {
  const failed = checks.find(({ state }) => state === 'error');
  if (failed !== undefined) return errorCodes[failed.code as ErrorCode].exit;
  return checks.some(({ state }) => state === 'warn') ? errorCodes.FINISHED_WITH_WARNINGS.exit : 0;
}

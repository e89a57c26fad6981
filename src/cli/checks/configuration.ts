/** The configuration, its secrets, and the local state. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { databaseSettingsSchema } from '../../core/config/config-schema.ts';
import type { JsonSchema, Settings } from '../../core/index.ts';
import { notifierNamed } from '../../core/notify/builtin.ts';
import { printable } from '../../core/printable.ts';
import type { ConfigProblem } from '../../core/settings/problems.ts';
import { readSecret, secretsIn } from '../../core/settings/secrets.ts';
import { openSigner, ownSigners } from '../../core/state/signing-key.ts';
import type { State } from '../../core/state/state.ts';
import { placeOf } from '../config-place.ts';
import { type Loaded, perStore } from '../configuration.ts';
import { plural } from '../format.ts';
import { openStateOf } from '../opened.ts';
import { runnerOf } from '../runs/runner.ts';
import type { World } from '../world.ts';
import { attempt, type Check, caution, fault, ok } from './check.ts';

export const describeProblem = ({ file, pointer, message, hint }: ConfigProblem): Check =>
  fault('configuration', 'CONFIG_INVALID', `${placeOf(file, pointer)}: ${message}`, hint);

export function checkAddins({ configuration: { dir, addins } }: Loaded): Check {
  if (addins.length === 0) {
    const hint = 'Write one in addins.d; README.md has one to begin with.';
    return caution('configuration', `${dir} is valid and has no addin configuration`, hint);
  }
  return ok(
    'configuration',
    `${dir} is valid; addin configurations: ${addins.map(({ name }) => name).join(', ')}`,
  );
}

/** Whether anything runs what is scheduled, and whether anything may run at all. */
export function checkSchedules({ configuration }: Loaded): readonly Check[] {
  const { kind, pid } = runnerOf(configuration);
  const hint = 'Run holdfast scope set backups.enabled true.';
  const off = configuration.steering.enabled
    ? []
    : [caution('backups', 'are switched off by the scope backups.enabled: no backup is begun', hint)];
  const schedules = configuration.addins
    .filter(({ schedule }) => schedule.length > 0)
    .map(({ name }) => {
      const what = `schedule of ${name}`;
      if (kind === 'daemon') return ok(what, `is run by the daemon, process ${pid}`);
      if (kind !== 'nothing') return ok(what, `is run by ${kind === 'cron' ? 'cron' : 'a systemd timer'}`);
      const hint = 'Call holdfast schedule install, or start holdfast serve.';
      return caution(what, 'nothing runs it: no daemon, no timer and no line for cron', hint);
    });
  return [...off, ...schedules];
}

/** Each secret of the configuration by itself, so that all broken ones are told at once. */
export async function checkSecrets(
  { configuration, definitions }: Loaded,
  world: Pick<World, 'env'>,
): Promise<readonly Check[]> {
  const schemaOf = (kind: string, use: string): JsonSchema =>
    definitions.find((one) => one.kind === kind && one.name === use)?.settingsSchema ?? {};
  const holders: readonly (readonly [string, Settings, JsonSchema])[] = [
    ['panel', configuration.panel, schemaOf('panel', configuration.panel.use)],
    ...configuration.databases.map((one) => [`database ${one.name}`, one, databaseSettingsSchema] as const),
    ...configuration.addins
      .flatMap(perStore)
      .map(({ name, store }) => [`store of ${name}`, store, schemaOf('store', store.use)] as const),
    ...configuration.addins.map(
      ({ name, provider }) => [`provider of ${name}`, provider, schemaOf('provider', provider.use)] as const,
    ),
    ...configuration.notify.map(
      (one, index) =>
        [`notifier ${index}`, one, notifierNamed(one.use, definitions)?.settingsSchema ?? {}] as const,
    ),
    ...configuration.scopes.map((one) => [`scopes of ${one.use}`, one, schemaOf('scope', one.use)] as const),
  ];
  const checks = holders.flatMap(([holder, settings, schema]) =>
    secretsIn(settings, schema).map(({ pointer, reference }) => {
      const name = `secret ${pointer.slice(1)} of ${holder}`;
      return attempt(name, async () => {
        await readSecret(reference, world);
        return [ok(name, `${reference} can be read`)];
      });
    }),
  );
  return (await Promise.all(checks)).flat();
}

/** Opens the state where there is one, and hands it on to the checks that follow. */
export async function checkState(
  { configuration }: Loaded,
  world: World,
): Promise<{ readonly checks: readonly Check[]; readonly state: State | null }> {
  const { stateDir } = configuration;
  const shown = printable(stateDir, 4096);
  if (!existsSync(join(stateDir, 'server.json'))) {
    return { checks: [ok('state', `${shown} is made at the first backup`)], state: null };
  }
  let state: State | null = null;
  const checks = await attempt('state', async () => {
    state = await openStateOf(configuration, world);
    const notes = state.notes.map((note) => caution('state', note));
    const count = state.accounts().length;
    const { uuid } = state.server;
    const signers = (await ownSigners(stateDir)).filter(({ server }) => server === uuid);
    // Finds as a backup would that it is damaged, or known to others; it is there, so none is made.
    if (signers.length > 0) await openSigner(stateDir, uuid);
    const keys = signers.map(({ publicKey }) => ok('signing key', publicKey));
    return [ok('state', `${shown}: server ${uuid}, ${plural(count, 'account')} seen`), ...keys, ...notes];
  });
  return { checks, state };
}

/**
 * Tells the configured notifiers, each by itself: one that cannot be reached costs neither the run nor the
 * others.
 *
 * Nothing here decides what a run was; it only passes it on.
 */

import type { NotifySettings } from '../config/operations-schema.ts';
import type { AddinDefinition, NotifierDefinition, Settings } from '../contracts/addin.ts';
import type { Notification, Notifier, NotifyEvent } from '../contracts/notifier.ts';
import { HoldfastError, isHoldfastError } from '../errors.ts';
import type { RefusedAddin } from '../packages/refusal.ts';
import { printable } from '../printable.ts';
import { resolveSecrets } from '../settings/secrets.ts';
import { validate } from '../settings/validate.ts';
import { notifierNamed } from './builtin.ts';
import { messageOf } from './message.ts';

export interface NotifyWorld {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Notifiers of packages among them. */
  readonly definitions?: readonly AddinDefinition[];
  /** Those of packages that cannot be used. */
  readonly refused?: readonly RefusedAddin[];
  /** Opens one, where it is not to be opened in this process. */
  readonly open?: (definition: NotifierDefinition, settings: Settings) => Promise<Notifier>;
  /** Called for each that was to be told and was. */
  readonly onTold?: (settings: NotifySettings) => void;
  /** Milliseconds for one notifier, its repetitions included. */
  readonly timeoutMs?: number;
}

const usual: readonly NotifyEvent[] = ['warning', 'failure', 'alarm'];

/** Resolves with what could not be told, as sentences. */
export async function notifyAll(
  notifiers: readonly NotifySettings[],
  notification: Notification,
  world: NotifyWorld,
): Promise<readonly string[]> {
  const failures = await Promise.all(
    notifiers.map(async (settings, index) => {
      try {
        await notifyOne(settings, notification, world);
        return [];
      } catch (error) {
        const why = isHoldfastError(error) ? printable(error.message, 500) : 'it failed in an unforeseen way';
        return [`notifier ${index} (${settings.use}): ${why}`];
      }
    }),
  );
  return failures.flat();
}

async function notifyOne(
  wanted: NotifySettings,
  notification: Notification,
  { env, definitions, refused, open, onTold, timeoutMs = 35_000 }: NotifyWorld,
): Promise<void> {
  const { on, ...given } = wanted;
  const definition = notifierNamed(given.use, definitions);
  const events: readonly NotifyEvent[] = definition?.events ?? on ?? usual;
  if (!events.includes(notification.event)) return;
  if (definition === null) {
    const why = refused?.find(({ kind, name }) => kind === 'notifier' && name === given.use)?.message;
    const message = why === undefined ? 'there is no such notifier' : `it is refused: ${why}`;
    throw new HoldfastError('ADDIN_REFUSED', message);
  }
  const { settingsSchema } = definition;
  // Fills in defaults; what is wrong was told when the configuration was read.
  validate(given, settingsSchema);
  const settings = await resolveSecrets(given, settingsSchema, { env });
  const notifier = await (open?.(definition, settings) ?? definition.open(settings));
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    await Promise.race([notifier.notify(messageOf(notification), { signal }), late(signal)]);
    onTold?.(wanted);
  } finally {
    await notifier.close?.();
  }
}

/** Rejects when the time is up: a notifier that does not heed the signal holds nobody up. */
function late(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const error = new HoldfastError('STORE_UNAVAILABLE', 'it did not end in time');
    signal.addEventListener('abort', () => reject(error), { once: true });
  });
}

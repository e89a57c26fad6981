/**
 * Tells the configured notifiers, each by itself: one that cannot be reached costs neither the run nor the
 * others.
 *
 * URLs are secrets and stand in no message. Nothing here decides what a run was; it only passes it on.
 */

import type { NotifySettings } from '../config/operations-schema.ts';
import { notifySettingsSchema } from '../config/operations-schema.ts';
import { resolveSecrets } from '../config/secrets.ts';
import type { Notification, NotifyEvent } from '../contracts/notifier.ts';
import { HoldfastError, isHoldfastError } from '../errors.ts';
import { sendMail } from './mail.ts';
import { documentOf, textOf } from './message.ts';
import { writeMetrics } from './metrics.ts';

export interface NotifyWorld {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds for one attempt. */
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
        const why = isHoldfastError(error) ? error.message : 'it failed in an unforeseen way';
        return [`notifier ${index} (${settings.use}): ${why}`];
      }
    }),
  );
  return failures.flat();
}

async function notifyOne(
  settings: NotifySettings,
  notification: Notification,
  world: NotifyWorld,
): Promise<void> {
  const { use, on = usual } = settings;
  const { event } = notification;
  if (use === 'textfile') return writeMetrics(settings.path!, notification);
  if (use === 'ping') return ping(settings, notification, world);
  if (!on.includes(event)) return;
  if (use === 'mail') return sendMail(settings, notification);
  const url = await urlOf(settings, world);
  const body = JSON.stringify(documentOf(notification));
  return send(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } }, world);
}

/** A run by hand is no sign that the schedule works, so only scheduled ones ping. */
async function ping(settings: NotifySettings, notification: Notification, world: NotifyWorld): Promise<void> {
  const { event, scheduled } = notification;
  if (event === 'alarm' || !scheduled) return;
  const url = new URL(await urlOf(settings, world));
  const suffix = { start: '/start', success: '', warning: '', failure: '/fail' }[event];
  url.pathname = `${url.pathname.replace(/\/$/, '')}${suffix}`;
  return send(url.href, { method: 'POST', body: textOf(notification) }, world);
}

async function urlOf(settings: NotifySettings, world: NotifyWorld): Promise<string> {
  const { url } = await resolveSecrets(settings, notifySettingsSchema, world);
  if (URL.canParse(url ?? '') && /^https?:/.test(url!)) return url!;
  throw new HoldfastError('CONFIG_INVALID', 'the secret is no URL of http or https');
}

async function send(url: string, request: RequestInit, { timeoutMs = 10_000 }: NotifyWorld): Promise<void> {
  const { default: pRetry, AbortError } = await import('p-retry');
  const attempt = async (): Promise<void> => {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(url, { ...request, redirect: 'error', signal }).catch((error: unknown) => {
      throw unreachable(error);
    });
    await response.body?.cancel();
    if (response.ok) return;
    const message = `the server answered with status ${response.status}`;
    const refused = new HoldfastError('STORE_UNAVAILABLE', message);
    // It will not think better of it.
    if (response.status < 500 && response.status !== 429) throw new AbortError(refused);
    throw refused;
  };
  await pRetry(attempt, { retries: 2, minTimeout: 500, factor: 2 });
}

/** Without the URL, which fetch puts into its messages. */
function unreachable(error: unknown): HoldfastError {
  const { name, cause } = error as { name?: string; cause?: { code?: string } };
  const why = name === 'TimeoutError' ? 'no answer in time' : (cause?.code ?? 'no connection');
  return new HoldfastError('STORE_UNAVAILABLE', `the server cannot be reached: ${why}`);
}

/**
 * Notifiers that speak HTTP: a webhook, and pings as healthchecks.io has them.
 *
 * URLs are secrets and stand in no message.
 */

import type { Settings } from '../contracts/addin.ts';
import type { Notifier } from '../contracts/notifier.ts';
import { HoldfastError } from '../errors.ts';
import { documentOf } from './message.ts';

const attemptMs = 10_000;

/** @throws CONFIG_INVALID the URL is none of http or https */
export function webhook(settings: Settings): Notifier {
  const url = urlOf(settings);
  const headers = { 'content-type': 'application/json' };
  return {
    notify: (message, { signal }) =>
      send(url, { method: 'POST', body: JSON.stringify(documentOf(message)), headers }, signal),
  };
}

/**
 * A run by hand is no sign that the schedule works, so only scheduled ones ping.
 *
 * @throws CONFIG_INVALID as `webhook`
 */
export function ping(settings: Settings): Notifier {
  const base = urlOf(settings);
  return {
    async notify({ event, scheduled, text }, { signal }) {
      if (event === 'alarm' || !scheduled) return;
      const url = new URL(base);
      const suffix = { start: '/start', success: '', warning: '', failure: '/fail' }[event];
      url.pathname = `${url.pathname.replace(/\/$/, '')}${suffix}`;
      await send(url.href, { method: 'POST', body: text }, signal);
    },
  };
}

function urlOf({ url }: Settings): string {
  if (typeof url === 'string' && URL.canParse(url) && /^https?:/.test(url)) return url;
  throw new HoldfastError('CONFIG_INVALID', 'the secret is no URL of http or https');
}

async function send(url: string, request: RequestInit, signal: AbortSignal): Promise<void> {
  const { default: pRetry, AbortError } = await import('p-retry');
  const attempt = async (): Promise<void> => {
    const either = AbortSignal.any([signal, AbortSignal.timeout(attemptMs)]);
    const response = await fetch(url, { ...request, redirect: 'error', signal: either }).catch(
      (error: unknown) => {
        throw unreachable(error);
      },
    );
    await response.body?.cancel();
    if (response.ok) return;
    const message = `the server answered with status ${response.status}`;
    const refused = new HoldfastError('STORE_UNAVAILABLE', message);
    // It will not think better of it.
    if (response.status < 500 && response.status !== 429) throw new AbortError(refused);
    throw refused;
  };
  await pRetry(attempt, { retries: 2, minTimeout: 500, factor: 2, shouldRetry: () => !signal.aborted });
}

/** Without the URL, which fetch puts into its messages. */
function unreachable(error: unknown): HoldfastError {
  const { name, cause } = error as { name?: string; cause?: { code?: string } };
  const late = name === 'TimeoutError' || name === 'AbortError';
  const why = late ? 'no answer in time' : (cause?.code ?? 'no connection');
  return new HoldfastError('STORE_UNAVAILABLE', `the server cannot be reached: ${why}`);
}

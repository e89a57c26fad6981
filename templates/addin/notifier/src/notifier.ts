/** A notifier that posts the text of each message to a URL. The URL is a secret and stands in no error. */

import { HoldfastError, type Notifier, throwIfInterrupted } from 'holdfast';

export interface NotifierSettings {
  readonly url: string;
}

const attempts = 3;
const attemptMs = 10_000;

export function openNotifier({ url }: NotifierSettings): Notifier {
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    throw new HoldfastError('CONFIG_INVALID', 'the secret is no URL of http or https', {
      hint: 'Put the whole URL into what "url" refers to.',
    });
  }
  return {
    async notify({ text }, { signal }) {
      for (let attempt = 1; ; attempt += 1) {
        throwIfInterrupted(signal, 'a message');
        const outcome = await post(url, text, AbortSignal.any([signal, AbortSignal.timeout(attemptMs)]));
        if (outcome === 'taken') return;
        throwIfInterrupted(signal, 'a message');
        if (attempt === attempts || outcome === 'refused') {
          throw new HoldfastError('STORE_UNAVAILABLE', `the receiver has ${outcome} the message`, {
            hint: 'Look at the receiver.',
          });
        }
      }
    },
  };
}

async function post(url: string, body: string, signal: AbortSignal): Promise<'taken' | 'refused' | 'missed'> {
  try {
    const headers = { 'content-type': 'text/plain; charset=utf-8' };
    const response = await fetch(url, { method: 'POST', body, headers, redirect: 'error', signal });
    await response.body?.cancel();
    if (response.ok) return 'taken';
    return response.status >= 500 || response.status === 429 ? 'missed' : 'refused';
  } catch {
    // What fetch says holds the URL.
    return 'missed';
  }
}

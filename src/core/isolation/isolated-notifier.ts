/** A notifier in a process of its own, behind the same contract. The process ends when the notifier is closed. */

import type { Notifier, NotifierMessage } from '../contracts/notifier.ts';
import type { CallOptions } from '../contracts/store.ts';
import { AddinHost, type Recipe } from './addin-host.ts';

/** @throws whatever keeps the notifier from being opened */
export async function openIsolatedNotifier(recipe: Recipe): Promise<Notifier> {
  const host = await AddinHost.start(recipe);
  return {
    async notify(message: NotifierMessage, { signal }: CallOptions) {
      await host.call({ method: 'notify', what: 'notification', params: message, signal });
    },
    close: () => host.close(),
  };
}

/** The notifiers of ours that speak to other hosts, each by a name of its own: for processes of their own. */

import { notifierNamed } from './builtin.ts';

export const webhookNotifier = notifierNamed('webhook');
export const pingNotifier = notifierNamed('ping');

/**
 * Whether our own stores and notifiers run in processes of their own, where the configuration does not say: where
 * such a process can have a user of its own.
 */

export type Isolation = 'on' | 'off';

export const isolationOf = (configured: Isolation | undefined): Isolation =>
  configured ?? (process.platform === 'linux' && process.getuid?.() === 0 ? 'on' : 'off');

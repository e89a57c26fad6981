/**
 * Whether our own stores and notifiers run in processes of their own, where the configuration does not say: where
 * such a process can have a user of its own, and loses nothing by it.
 */

/** `auto`: as `on`, but for stores that need what only root has, as rclone does where it renews tokens. */
export type Isolation = 'on' | 'off' | 'auto';

export const isolationOf = (configured: 'on' | 'off' | undefined): Isolation =>
  configured ?? (process.platform === 'linux' && process.getuid?.() === 0 ? 'auto' : 'off');

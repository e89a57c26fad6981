/** Whether our own stores and notifiers run in processes of their own, where the configuration does not say. */

export type Isolation = 'on' | 'off';

export const isolationOf = (configured: Isolation | undefined): Isolation => configured ?? 'off';

/** The public SDK: what an addin may import. Re-exports only. */

export * from './contracts/addin.ts';
export * from './contracts/database.ts';
export * from './contracts/notifier.ts';
export * from './contracts/panel.ts';
export * from './contracts/provider.ts';
export * from './contracts/scope.ts';
export * from './contracts/store.ts';
export * from './contracts/store-setup.ts';
export * from './errors.ts';
export * from './interruption.ts';
export * from './key-classes.ts';
export * from './store-key.ts';
export * from './system-code.ts';

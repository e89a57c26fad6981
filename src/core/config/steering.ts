/**
 * What scopes add to a configuration beyond what its files can say. Types and defaults only.
 */

export interface Steering {
  /** False: no backup is begun. */
  readonly enabled: boolean;
  /** Name of the addin configuration that runs by itself and where none is named; null: all, or the only one. */
  readonly destination: string | null;
  /** Left out of every account: `<tree>/<pattern>`, beside what the panel leaves out. */
  readonly exclude: readonly string[];
  /** Our own note of whether the panel exports databases by itself; a live panel is asked instead. */
  readonly panelExports: boolean;
}

export const noSteering: Steering = { enabled: true, destination: null, exclude: [], panelExports: false };

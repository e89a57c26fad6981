/** How one configured database server is reached, with its secret already resolved. */

export interface DatabaseInstanceConfig {
  /** `name` of the entry in `databases` of the configuration. */
  readonly name: string;
  readonly engine: 'mariadb' | 'mysql' | 'postgresql';
  /** A socket's path; for PostgreSQL also the directory it lies in. Wins over `host`. */
  readonly socket?: string;
  /** Default `127.0.0.1`. */
  readonly host?: string;
  readonly port?: number;
  /** Default `root`, for PostgreSQL `postgres`. */
  readonly user?: string;
  /** The secret itself, never a reference. */
  readonly password?: string;
  /** The dump client, or the directory it lies in. Default: looked for where packages put it. */
  readonly clientPath?: string;
}

export interface EngineDependencies {
  /** Milliseconds since the Unix epoch (UTC). */
  readonly now: () => number;
}

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
  /** Encrypts the connection; with `ca` the server must prove its name as well. Never over a socket. */
  readonly tls?: TlsSettings;
  /** Minutes without a byte after which a client is given up. Default 15. */
  readonly stallMinutes?: number;
  /** The dump client, or the directory it lies in. Default: looked for where packages put it. */
  readonly clientPath?: string;
}

/** Paths of PEM files. */
export interface TlsSettings {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** In milliseconds. */
export const stallMsOf = ({ stallMinutes = 15 }: DatabaseInstanceConfig): number => stallMinutes * 60_000;

export interface EngineDependencies {
  /** Milliseconds since the Unix epoch (UTC). */
  readonly now: () => number;
}

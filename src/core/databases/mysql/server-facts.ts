/** What an export has to know of the server, asked at once. */

import { type Session, text } from './session.ts';

export interface ServerFacts {
  readonly isMariadb: boolean;
  /** Seconds after which the server gives up on a client that takes nothing. */
  readonly netWriteTimeoutSeconds: number;
  readonly maxConnections: number;
  /** Of one user; 0: as many as the server has. */
  readonly maxUserConnections: number;
}

export async function readServerFacts(session: Session): Promise<ServerFacts> {
  const [row] = await session.rows(
    'SELECT VERSION(), @@global.net_write_timeout, @@max_connections, @@max_user_connections',
  );
  const [version, ...numbers] = (row ?? []).map((cell) => text(cell));
  const [netWriteTimeoutSeconds = 0, maxConnections = 0, maxUserConnections = 0] = numbers.map(Number);
  return {
    isMariadb: /mariadb/i.test(version ?? ''),
    netWriteTimeoutSeconds,
    maxConnections,
    maxUserConnections,
  };
}

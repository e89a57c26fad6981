/** The S3 service that contestants store in, near or behind a slow line. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename, join } from 'node:path';
import { rcloneSettings, type S3Server, startS3 } from '../test/support/s3.ts';
import { run } from './measure.ts';

export interface Service {
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** For rclone, which knows the service as `s3:`. */
  readonly rclone: Readonly<Record<string, string>>;
}

/** Data in a file: a run stores more than fits into memory. */
export const startService = (): Promise<S3Server> => startS3({ onDisk: true });

/** The same service as it is seen through so many milliseconds of latency. */
export async function behindLine(server: S3Server, latencyMs: number): Promise<Service & { close(): void }> {
  const { accessKey, secretKey } = server;
  const seen = (endpoint: string, close: () => void) => {
    const service = { endpoint, accessKey, secretKey };
    // rclone stumbles over a bundle for other services of the machine, which it would not need.
    return { ...service, rclone: { ...rcloneSettings(service), AWS_CA_BUNDLE: '' }, close };
  };
  if (latencyMs === 0) return seen(server.endpoint, () => {});
  const script = join(import.meta.dirname, 'slow-line.ts');
  const line = spawn(process.execPath, [script, new URL(server.endpoint).port, String(latencyMs)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [port] = (await once(line.stdout, 'data')) as [Buffer];
  return seen(`http://127.0.0.1:${String(port).trim()}`, () => line.stdin.end());
}

/** Removes a bucket and all in it, if it is there. */
function removeBucket({ rclone }: Service, bucket: string): void {
  run(['sh', '-c', 'rclone purge "s3:$1" 2>/dev/null || true', 'sh', bucket], { env: rclone });
}

export function makeBucket({ rclone }: Service, bucket: string): void {
  run(['rclone', 'mkdir', `s3:${bucket}`], { env: rclone });
}

/** Bytes of all objects. */
function bucketBytes({ rclone }: Service, bucket: string): number {
  const found = run(['rclone', 'size', '--json', `s3:${bucket}`], { env: rclone });
  return (JSON.parse(found) as { bytes: number }).bytes;
}

/** Each place has a bucket of its own. */
export const bucketOf = (place: string): string => `bench-${basename(place)}`;

/** Where contestants keep what they store in buckets. */
export const inBuckets = (service: Service) => ({
  bytes: (place: string) => bucketBytes(service, bucketOf(place)),
  remove: (place: string) => removeBucket(service, bucketOf(place)),
});

export const keysOf = ({ accessKey, secretKey }: Service): Readonly<Record<string, string>> => ({
  AWS_ACCESS_KEY_ID: accessKey,
  AWS_SECRET_ACCESS_KEY: secretKey,
});

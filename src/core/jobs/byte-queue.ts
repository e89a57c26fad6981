/** For those of the jobs that know it by this place. */

export { ByteQueue } from '../byte-queue.ts';

/** A thread that leaves the network and then tries to reach a port. */

import { connect } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { leaveNetwork } from '../../../src/core/filesystem/native-process.ts';

leaveNetwork();
const socket = connect(workerData as number, '127.0.0.1');
socket.once('connect', () => parentPort?.postMessage('connected'));
socket.once('error', (error: NodeJS.ErrnoException) => parentPort?.postMessage(error.code));

/** For what of the verification knows it by this place. */

export { walk } from '../walk.ts';

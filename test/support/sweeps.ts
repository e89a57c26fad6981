/** How far tests go that could go on for ever: `npm run test:long` has the time. */

export const isLong = process.env['HOLDFAST_TEST_MODE'] === 'long';

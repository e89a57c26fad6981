/** Settings of object lock: which classes of objects are locked, how, and for how long. */

export interface LockSettings {
  readonly mode: 'governance' | 'compliance';
  /** Days per class of objects; a class that is left out is not locked. */
  readonly days: Readonly<Partial<Record<'data' | 'index' | 'manifests' | 'keys', number>>>;
}

const lockDays = (description: string) => ({
  type: 'integer',
  minimum: 1,
  maximum: 36_500,
  description,
  examples: [30],
});

export const lockSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['mode', 'days'],
  description: 'Locks objects in the bucket, which must have been made with object lock. See docs/s3.md.',
  examples: [{ mode: 'compliance', days: { data: 30, index: 30, manifests: 30, keys: 30 } }],
  properties: {
    mode: {
      enum: ['governance', 'compliance'],
      description: 'governance: a special right ends a lock early. compliance: nobody can, for any reason.',
      examples: ['compliance'],
    },
    days: {
      type: 'object',
      additionalProperties: false,
      minProperties: 1,
      description: 'Days for each class of objects; a class that is left out is not locked.',
      examples: [{ data: 30, index: 30, manifests: 30, keys: 30 }],
      properties: {
        data: lockDays('Segments and exports.'),
        index: lockDays('Indexes.'),
        manifests: lockDays('Manifests.'),
        keys: lockDays('Keys of accounts. While they are locked, no account can be erased.'),
      },
    },
  },
} as const;

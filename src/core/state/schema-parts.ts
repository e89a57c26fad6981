/** Values of which the files of the state are made, as schemas. */

export const text = { type: 'string' } as const;
export const textOrNull = { type: ['string', 'null'] } as const;
export const flag = { type: 'boolean' } as const;
export const uuid = { type: 'string', pattern: '^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$' } as const;
export const whole = {
  type: 'integer',
  minimum: Number.MIN_SAFE_INTEGER,
  maximum: Number.MAX_SAFE_INTEGER,
} as const;
export const amount = { type: 'number' } as const;
export const amountOrNull = { type: ['number', 'null'] } as const;
export const texts = { type: 'array', items: text } as const;

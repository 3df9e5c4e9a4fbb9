// pooling.ts: how the places of a layer become one vector: their mean, their maximum, or both one after the other.

export const POOLS = ['avg', 'max', 'avg+max'] as const;
export type Pool = (typeof POOLS)[number];

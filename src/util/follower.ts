// follower.ts: names of weights that follow a network's own, such as a teacher's or an average's. Where both are there, they are not meant.

const FOLLOWER = /teacher|target|momentum|(^|[._])ema([._]|$)|averag|shadow|_k\b/i;

/** @param where a prefix of names, `student.`, or the place of a dictionary, `model_ema.module` */
export const isFollower = (where: string): boolean => FOLLOWER.test(where);

// parameters.ts: all numbers that the simulation of a large job begins with, and where each is from. Each can be set on the command line.

interface Parameter {
  readonly value: number;
  readonly unit: string;
  readonly what: string;
  /** How it is known: measured, read somewhere at some time, or assumed. */
  readonly source: string;
}

const CODE = 'the code';
const ASSUMED = 'assumed';
const MEASURED = '`npm run bench -- manifest` with 10^8 rows';
const S3_PRICES = '[c3x.dev](https://c3x.dev/blog/s3-request-fees-explained), read November 2026';

export const PARAMETERS = {
  pictures: { value: 1e8, unit: '', what: 'pictures', source: 'the question' },
  workers: { value: 100, unit: '', what: 'machines, each one worker of two cores', source: 'the question' },
  rate: { value: 122.9, unit: 'pictures/s', what: 'of one worker', source: 'features of 1,000 photos from a disk, EfficientNet-Lite0, two Zen 4 cores: [features.csv](../bench/results/features.csv)' },
  pictureBytes: { value: 103_890, unit: 'bytes', what: 'a picture', source: 'mean of the 201 photos of the benchmarks' },
  rowBytes: { value: 5200, unit: 'bytes', what: 'a row of features', source: '1,280 numbers of 4 bytes, the name and hash' },
  shardStart: { value: 0.6, unit: 's', what: 'a shard besides its pictures: process, network, writing', source: 'a shard of one picture, measured' },
  speedDeviation: { value: 0.05, unit: '', what: 'standard deviation of the speed of machines', source: ASSUMED },
  slowShare: { value: 0.03, unit: '', what: 'machines that are slow', source: ASSUMED },
  slowSpeed: { value: 0.4, unit: '', what: 'their speed', source: ASSUMED },
  startWithin: { value: 180, unit: 's', what: 'until the last machine is there; also until a lost one is replaced', source: ASSUMED },
  interruptions: { value: 0.05, unit: 'an hour', what: 'that a machine is taken away', source: 'assumed, as on a bad day: [nOps](https://www.nops.io/blog/aws-spot-facts/) says that under 5 % of spot machines are taken away in a month; read November 2026' },
  killedShare: { value: 0.1, unit: '', what: 'of these without a word before', source: ASSUMED },
  grace: { value: 20, unit: 's', what: '`--grace`', source: 'its default' },
  stalledAfter: { value: 60, unit: 's', what: '`--stalled-after`', source: 'its default' },
  pageKeys: { value: 1000, unit: '', what: 'names on a page of a list', source: 'S3' },
  pageSeconds: { value: 0.15, unit: 's', what: 'a page of a list', source: 'assumed; 0.05 to 0.07 at [a local array](https://jboothomas.medium.com/fast-listing-s3-objects-from-buckets-with-millions-billions-of-items-380052fb6faf) (2023), 2 and more in [a small function](https://mizuame.works/blog/en/2025-12-05) (2025)' },
  rowSeconds: { value: 4.7e-6, unit: 's', what: 'a row of the manifest, written', source: MEASURED },
  manifestRowBytes: { value: 51.4, unit: 'bytes', what: 'a row of the manifest', source: MEASURED },
  groupRows: { value: 2 ** 14, unit: '', what: 'rows of a row group', source: CODE },
  groupSeconds: { value: 57e-6, unit: 's', what: 'a row group in the list of them, which every shard reads', source: MEASURED },
  groupBytes: { value: 371, unit: 'bytes', what: 'the same, sent twice to every shard', source: MEASURED },
  prefixRequests: { value: 5500, unit: 'GET/s', what: 'at least, that S3 answers for one partition of names', source: '[AWS re:Post](https://aws.amazon.com/premiumsupport/knowledge-center/s3-object-key-naming-pattern/), which also says that S3 takes 30 to 60 minutes to divide it; read November 2026' },
  partitions: { value: 3, unit: '', what: 'partitions that the names are spread over', source: ASSUMED },
  listMemory: { value: 175 * 2 ** 20, unit: 'bytes', what: 'growth of memory while a list is written, besides', source: MEASURED },
  groupMemory: { value: 15e3, unit: 'bytes', what: 'the same, in memory', source: MEASURED },
  workerMemory: { value: 483 * 2 ** 20, unit: 'bytes', what: 'a worker besides', source: 'features of 10,000 pictures: [features.csv](../bench/results/features.csv)' },
  ahead: { value: 20, unit: '', what: 'requests of a worker under way', source: CODE },
  getSeconds: { value: 0.05, unit: 's', what: 'a picture, asked for and sent', source: ASSUMED },
  attempts: { value: 3, unit: '', what: '`--attempts`', source: 'its default' },
  checkedBytes: { value: 200e6, unit: 'bytes/s', what: 'of one machine that reads all shards', source: ASSUMED },
  jobBytes: { value: 2130, unit: 'bytes', what: 'a shard in Redis, when it is done', source: 'BullMQ 6.7, redis-server 7.0, 10,000 shards' },
  addCommands: { value: 10, unit: '', what: 'commands in Redis to submit a shard', source: 'the same, `INFO`' },
  takeCommands: { value: 24, unit: '', what: 'commands in Redis to take a shard and to say that it is done, in one call of a script', source: 'the same, `INFO`' },
  getPrice: { value: 0.0004, unit: '$/1,000', what: 'GET and HEAD', source: S3_PRICES },
  putPrice: { value: 0.005, unit: '$/1,000', what: 'PUT and LIST', source: S3_PRICES },
  machinePrice: { value: 0.1027, unit: '$/h', what: 'a machine of two Zen 4 cores (c7a.large), on demand', source: 'an example of data of [Spare Cores](https://sparecores.com), October 2026, read November 2026; not looked up at AWS' },
  spotShare: { value: 0.53, unit: '', what: 'of that for a spot machine', source: 'c5.2xlarge in [an example of AWS](https://docs.amazonaws.cn/en_us/autoscaling/ec2/userguide/weights-spot-price-per-unit-hour-example.html), $0.18 of $0.34; read November 2026' },
} as const satisfies Record<string, Parameter>; // prettier-ignore

export type Parameters = Readonly<Record<keyof typeof PARAMETERS, number>>;

export const DEFAULTS = Object.fromEntries(
  Object.entries(PARAMETERS).map(([name, { value }]) => [name, value]),
) as Parameters;

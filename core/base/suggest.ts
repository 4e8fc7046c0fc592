import { closest, distance } from 'fastest-levenshtein';

/** What transformers, PEFT, PyTorch and the Alpaca-CoT project call things (as `plain` writes it), and evolve's names. */
const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  cpu: ['native', 'portable'],
  gpu: ['cuda', 'tensorflow'],
  nvidia: ['cuda'],
  '4bit': ['nf4'],
  '8bit': ['int8'],
  adamwtorch: ['adamw'],
  basemodel: ['model'],
  dataset: ['data'],
  datasets: ['data'],
  batchsize: ['perDeviceBatchSize'],
  cutofflen: ['cutoffLength'],
  lora: ['adapter'],
  lorarank: ['r'],
  lr: ['learningRate'],
  lrschedulertype: ['scheduler'],
  maxlength: ['cutoffLength'],
  maxseqlength: ['cutoffLength'],
  microbatchsize: ['perDeviceBatchSize'],
  modelnameorpath: ['path'],
  optim: ['optimizer'],
  outputdir: ['output'],
  peft: ['adapter'],
  perdevicetrainbatchsize: ['perDeviceBatchSize'],
  quantization: ['quantizer'],
  quantizationconfig: ['quantizer'],
  rank: ['r'],
  training: ['train'],
  trainingarguments: ['train'],
  valsetsize: ['validationSize'],
};

/** ` (did you mean "epochs"?)` where one of `known` is near enough to `word` to be a slip, or is another's name; else nothing. */
export function suggest(word: string, known: readonly string[]): string {
  if (known.length === 0) return '';
  const plain = (text: string) => text.toLowerCase().replaceAll(/[_-]/g, '');
  const same = known.filter((candidate) => plain(candidate) === plain(word));
  // `cuda:0`, and `num_epochs` or `lora_alpha`, which say again where they stand.
  const bare = plain(word).replace(/:\d+$/, '');
  const others = OTHER_NAMES[bare]?.filter((name) => known.includes(name)) ?? [];
  const longer = known.filter((candidate) => candidate.length > 4 && bare.endsWith(plain(candidate)));
  const nearest = closest(word, known);
  const near = distance(word, nearest) <= Math.max(2, word.length / 3) ? [nearest] : [];
  const [meant = []] = [same, others, near, longer].filter((names) => names.length > 0);
  return meant.length === 0 ? '' : ` (did you mean ${meant.map((name) => `"${name}"`).join(' or ')}?)`;
}

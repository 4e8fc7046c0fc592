import { EvolveError } from '../../../core/index.js';
import { type Inquiry, pageOf } from './repository.js';

type Code = 'HUB_UNKNOWN' | 'HUB_REFUSED' | 'HUB_UNREACHABLE';
/** What an answer comes to: a code, what is wrong, and what to do. */
type Meaning = readonly [code: Code, message: string, advice: string];

interface Refusal extends Inquiry {
  readonly status: number;
  /** Which of the reasons for a status it is, where the hub tells it; mirrors mostly do not. */
  readonly reason: string | null;
  /** Who answered: the hub, or the storage to which it leads. */
  readonly host: string;
  /** The file whose bytes were asked for; its repository is then known to be there. */
  readonly file: string | undefined;
  /** The repository's page. */
  readonly page: string;
}

/**
 * The error of an answer that asking again does not change: closed, unknown, or not understood.
 *
 * @param file the file whose bytes were asked for
 */
export async function refusal(response: Response, inquiry: Inquiry, file?: string): Promise<EvolveError> {
  await response.body?.cancel();
  const { status, headers, url } = response;
  // The rest of an address may be a signature.
  const { host, pathname } = new URL(url);
  // https://huggingface.co tells its reason in these headers.
  const reason = headers.get('x-error-code');
  const said = headers.get('x-error-message');
  const page = pageOf(inquiry);
  const refused: Refusal = { ...inquiry, status, reason, host, file, page };
  const [code, message, advice] = ofStorage(refused) ??
    ofRights(refused) ??
    ofNames(refused) ?? [
      'HUB_REFUSED',
      `${host} refuses what it was asked about ${inquiry.repository}`,
      `See ${page}; HF_ENDPOINT names another hub.`,
    ];
  const answer = `${host}${pathname} answered ${status}${said ? `, "${said}"` : ''}`;
  return new EvolveError(code, `${message}: ${answer}`, advice, { at: inquiry.at });
}

function ofStorage({ environment, repository, host, file }: Refusal): Meaning | undefined {
  if (!file || host === new URL(environment.endpoint).host) return undefined;
  return [
    'HUB_UNREACHABLE',
    `${host}, where the hub keeps ${file} of ${repository}, does not give it`,
    'Run it again, since links to there expire; where that does not help, look for a proxy that forbids it.',
  ];
}

function ofRights({ environment, repository, page, status, reason, file }: Refusal): Meaning | undefined {
  const { endpoint, token } = environment;
  const tokens = `${endpoint}/settings/tokens`;
  if (reason === 'GatedRepo') {
    return [
      'HUB_REFUSED',
      `${repository} is not open to ${token ? 'the owner of this token' : 'everybody'}`,
      `Accept its licence at ${page}, and set HF_TOKEN to a token of that account that may read it (${tokens}).`,
    ];
  }
  if (reason === 'DisabledRepo') {
    return ['HUB_REFUSED', `${endpoint} has closed ${repository} to all`, `See ${page}; no token opens it.`];
  }
  if (status !== 401 || reason === 'RepoNotFound') return undefined;
  if (token) {
    return [
      'HUB_REFUSED',
      `the hub does not take the token that was sent for ${repository}`,
      `Set HF_TOKEN to a valid one (${tokens}), or unset it, and remove the file "token" of HF_HOME.`,
    ];
  }
  return file
    ? [
        'HUB_REFUSED',
        `the hub wants a token for ${file} of ${repository}`,
        `Set HF_TOKEN to one (${tokens}).`,
      ]
    : undefined;
}

function ofNames(refused: Refusal): Meaning | undefined {
  const { environment, kind, repository, revision, page, status, reason, file } = refused;
  if (reason === 'RevisionNotFound') {
    const advice = `Its branches and tags: ${page}/tree/main`;
    return ['HUB_UNKNOWN', `${repository} has no revision "${revision}"`, advice];
  }
  if (status === 404 && file && reason !== 'RepoNotFound') {
    const advice = `Its files: ${page}/tree/${revision}`;
    return ['HUB_UNKNOWN', `${repository} lacks ${file}, which it lists`, advice];
  }
  // The hub does not say whether what a person may not see exists: without a token it answers 401 for both.
  if (status !== 401 && status !== 404 && reason !== 'RepoNotFound') return undefined;
  const isVague = status === 404 && reason === null && revision !== 'main';
  const orRevision = isVague ? `, or it has no revision "${revision}"` : '';
  const isPrivate = environment.token
    ? 'If it is private, the token must be of an account that may read it.'
    : 'If it is private, set HF_TOKEN.';
  const what =
    kind === 'model'
      ? `no model ${repository} on ${environment.endpoint}, nor a folder of that name here`
      : `no data set ${repository} on ${environment.endpoint}`;
  return ['HUB_UNKNOWN', `there is ${what}${orRevision}`, `Check the spelling. ${isPrivate}`];
}

import { EvolveError } from '../../../core/index.js';
import type { Inquiry } from './hub.js';

/** The error of an answer that asking again does not change: closed, unknown, or not understood. */
export async function refusal(response: Response, inquiry: Inquiry): Promise<EvolveError> {
  const { environment, repository, revision, at } = inquiry;
  const { status, headers } = response;
  await response.body?.cancel();
  // Which of the reasons for a status it is: https://huggingface.co tells it in these headers.
  const reason = headers.get('x-error-code');
  const said = headers.get('x-error-message');
  const answer = `the hub answered ${status}${said ? `, "${said}"` : ''}`;
  const page = `${environment.endpoint}/${repository}`;
  const tokens = `${environment.endpoint}/settings/tokens`;
  const error = (code: 'HUB_UNKNOWN' | 'HUB_REFUSED', message: string, advice: string) =>
    new EvolveError(code, `${message}: ${answer}`, advice, { at });

  if (reason === 'GatedRepo' || (status === 403 && reason !== 'RepoNotFound')) {
    return error(
      'HUB_REFUSED',
      `${repository} is not open to ${environment.token ? 'the owner of this token' : 'everybody'}`,
      `Accept its licence at ${page}, and set HF_TOKEN to a token of that account that may read it (${tokens}).`,
    );
  }
  if (reason === 'RevisionNotFound') {
    return error(
      'HUB_UNKNOWN',
      `${repository} has no revision "${revision}"`,
      `Its branches and tags: ${page}/tree/main`,
    );
  }
  if (status === 404 && reason === 'EntryNotFound') {
    return error(
      'HUB_UNKNOWN',
      `${repository} lacks a file that it lists`,
      `Its files: ${page}/tree/${revision}`,
    );
  }
  // The hub does not say whether what a person may not see exists: without a token it answers 401 for both.
  if (status === 401 && environment.token && reason !== 'RepoNotFound') {
    return error(
      'HUB_REFUSED',
      `the hub does not take the token that was sent for ${repository}`,
      `Set HF_TOKEN to a valid one (${tokens}), or unset it, and remove the file "token" of HF_HOME.`,
    );
  }
  if (status === 401 || status === 404 || reason === 'RepoNotFound') {
    const isPrivate = environment.token
      ? 'If it is private, the token must be of an account that may read it.'
      : 'If it is private, set HF_TOKEN.';
    return error(
      'HUB_UNKNOWN',
      `there is no model ${repository} on ${environment.endpoint}, nor a folder of that name here`,
      `Check the spelling. ${isPrivate}`,
    );
  }
  return error('HUB_REFUSED', `${environment.endpoint} refuses what it was asked about ${repository}`, '');
}

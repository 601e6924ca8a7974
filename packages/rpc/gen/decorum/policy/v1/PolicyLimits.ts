// Original file: protos/decorum/policy/v1/policy_service.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Bounds of a request.
 */
export interface PolicyLimits {
  /**
   * Prompts in a request.
   */
  'maxPrompts'?: (number);
  /**
   * Tokens of a prompt.
   */
  'maxPromptTokens'?: (number);
  /**
   * Tokens generated for a prompt.
   */
  'maxNewTokens'?: (number);
  /**
   * Versions of a run that are kept.
   */
  'keptVersions'?: (number);
  /**
   * Tensor bytes of a push.
   */
  'maxUploadBytes'?: (number | string | Long);
}

/**
 * Bounds of a request.
 */
export interface PolicyLimits__Output {
  /**
   * Prompts in a request.
   */
  'maxPrompts': (number);
  /**
   * Tokens of a prompt.
   */
  'maxPromptTokens': (number);
  /**
   * Tokens generated for a prompt.
   */
  'maxNewTokens': (number);
  /**
   * Versions of a run that are kept.
   */
  'keptVersions': (number);
  /**
   * Tensor bytes of a push.
   */
  'maxUploadBytes': (number);
}

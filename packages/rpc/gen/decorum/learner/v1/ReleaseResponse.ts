// Original file: protos/decorum/learner/v1/learner_service.proto


/**
 * The run's program is not loaded any more.
 */
export interface ReleaseResponse {
}

/**
 * The run's program is not loaded any more.
 */
export interface ReleaseResponse__Output {
}

// Original file: protos/decorum/learner/v1/learner_service.proto


/**
 * Asks what a learner is.
 */
export interface GetInfoRequest {
}

/**
 * Asks what a learner is.
 */
export interface GetInfoRequest__Output {
}

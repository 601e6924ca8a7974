// Original file: protos/decorum/learner/v1/learner_service.proto


/**
 * The program is loaded.
 */
export interface LoadResponse {
}

/**
 * The program is loaded.
 */
export interface LoadResponse__Output {
}
